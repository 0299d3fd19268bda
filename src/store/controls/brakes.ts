import { sql } from 'kysely';
import { BRAKE_KIND, type BrakeKind } from '../../domain/brake.js';
import { PAYOUT_STATUS } from '../../domain/payout-status.js';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { hintPayouts } from '../mirror/workflow-hints.js';
import { REQUEST_OPERATION, REQUEST_STATE, type PayoutRow, type RequestOperation } from '../schema.js';

/** Brakes: as long as one is engaged, no request that moves money leaves for QbitPay. Everything else goes on. */
export function createBrakes(db: StoreDatabase) {
  return {
    engageByHand: engageByHand.bind(null, db),
    release: release.bind(null, db),
    listBrakes: listBrakes.bind(null, db),
  };
}

/** Of one currency; null: of all. */
type BrakeCurrency = string | null;

export interface BrakeCause {
  readonly kind: BrakeKind;
  readonly currency: BrakeCurrency;
  /** What was seen, or why a person engages it: one line for people. */
  readonly detail: string;
  /** The engine, or who did it. @default "engine" */
  readonly engagedBy?: string;
}

/**
 * Engages a brake, unless one of its kind and currency is engaged already: false then. Whoever was about to send when this
 * was called has either committed that before this returns, or is stopped by it.
 */
export async function engage(
  trx: StoreTransaction,
  { kind, currency, detail, engagedBy = 'engine' }: BrakeCause,
): Promise<boolean> {
  const engaged = await trx
    .insertInto('brakes')
    .values({ kind, currency, detail, engaged_by: engagedBy })
    .onConflict((conflict) =>
      conflict.columns(['kind', 'currency']).where('released_at', 'is', null).doNothing(),
    )
    .returning('brake_id')
    .executeTakeFirst();
  // After the row, as a release takes its locks: two who wait for each other would both fail.
  await sql`select from brake_gate for update`.execute(trx);
  return engaged !== undefined;
}

/**
 * True where a request of the payout must not leave; no brake is engaged before the caller has committed. An order is about
 * what it brings in as well.
 */
export async function isBraked(
  trx: StoreTransaction,
  { currency, funding_currency: sold }: Pick<PayoutRow, 'currency' | 'funding_currency'>,
  operation: RequestOperation,
): Promise<boolean> {
  const currencies = operation === REQUEST_OPERATION.ORDER ? [sold, currency] : [currency];
  await sql`select from brake_gate for share`.execute(trx);
  const engaged = await trx
    .selectFrom('brakes')
    .select('brake_id')
    .where('released_at', 'is', null)
    .where((eb) => eb.or([eb('currency', 'is', null), eb('currency', 'in', currencies)]))
    .limit(1)
    .executeTakeFirst();
  return engaged !== undefined;
}

export type Brake = Awaited<ReturnType<typeof listBrakes>>[number];

/** By a person. Answers with the brake that is engaged then, which may be that of an earlier call. */
async function engageByHand(
  db: StoreDatabase,
  { currency, reason, actor }: ByHand & { readonly currency: BrakeCurrency },
): Promise<Brake> {
  return inTransaction(db, async (trx) => {
    const kind = BRAKE_KIND.MANUAL;
    await engage(trx, { kind, currency, detail: reason, engagedBy: actor });
    return selectBrakes(trx)
      .where('kind', '=', kind)
      .where('currency', 'is not distinct from', currency)
      .where('released_at', 'is', null)
      .executeTakeFirstOrThrow();
  });
}

interface ByHand {
  readonly reason: string;
  /** Name of the API key. */
  readonly actor: string;
}

/** Lets requests leave again, and tells the payouts that wait to send one. Undefined where there is no such brake. */
async function release(
  db: StoreDatabase,
  { brakeId, reason, actor }: ByHand & { readonly brakeId: string },
): Promise<Brake | undefined> {
  return inTransaction(db, async (trx) => {
    const released = await trx
      .updateTable('brakes')
      .set({ released_by: actor, released_at: NOW, release_reason: reason })
      .where('brake_id', '=', brakeId)
      .where('released_at', 'is', null)
      .returning('currency')
      .executeTakeFirst();
    if (released !== undefined)
      await hintPayouts(trx, await findWaiting(trx, released.currency), 'brakeReleased');
    // The first decision counts: the same again changes nothing.
    return selectBrakes(trx).where('brake_id', '=', brakeId).executeTakeFirst();
  });
}

/** All that are about to send, whether or not they have met the brake: who meets it at this moment must be told as well. */
async function findWaiting(trx: StoreTransaction, currency: BrakeCurrency): Promise<readonly string[]> {
  const rows = await trx
    .selectFrom('payouts')
    .leftJoin('provider_requests', 'provider_requests.payout_id', 'payouts.payout_id')
    .select('payouts.payout_id')
    .distinct()
    .where('status', 'in', [PAYOUT_STATUS.CONVERTING, PAYOUT_STATUS.PAYING])
    .where((eb) =>
      eb.or([
        eb('state', 'is', null),
        eb('state', 'not in', [REQUEST_STATE.ACCEPTED, REQUEST_STATE.REFUSED]),
      ]),
    )
    .$if(currency !== null, (query) =>
      query.where((eb) =>
        eb.or([
          eb('payouts.currency', '=', currency ?? ''),
          eb('payouts.funding_currency', '=', currency ?? ''),
        ]),
      ),
    )
    .execute();
  return rows.map((row) => row.payout_id);
}

/** The engaged ones first, then the newest: at most this many. */
async function listBrakes(
  db: StoreDatabase,
  { engaged, limit }: { readonly engaged?: boolean | undefined; readonly limit: number },
) {
  return selectBrakes(db)
    .$if(engaged !== undefined, (query) =>
      query.where('released_at', engaged === true ? 'is' : 'is not', null),
    )
    .orderBy(sql`released_at is not null`)
    .orderBy('brake_id', 'desc')
    .limit(limit)
    .execute();
}

function selectBrakes(db: StoreDatabase) {
  return db
    .selectFrom('brakes')
    .select(['brake_id as brakeId', 'kind', 'currency', 'detail'])
    .select(['engaged_by as engagedBy', 'engaged_at as engagedAt'])
    .select(['released_by as releasedBy', 'released_at as releasedAt', 'release_reason as releaseReason']);
}
