import { payoutExternalId, payoutIdOfExternalId } from '../../domain/identifiers.js';
import { isFinalStatus, PAYOUT_STATUS } from '../../domain/payout-status.js';
import type { ProviderPayoutStatus } from '../../domain/provider-status.js';
import type { StoreDatabase, StoreTransaction } from '../database.js';
import { awaitEnd } from '../mirror/provider-objects.js';
import { wishForSync } from '../mirror/sync-state.js';
import { hintPayouts } from '../mirror/workflow-hints.js';
import {
  OBJECT_KIND,
  REQUEST_OPERATION,
  REQUEST_STATE,
  WEBHOOK_STATE,
  type WebhookState,
} from '../schema.js';

/** What webhooks say of payouts at QbitPay, and what follows from it: somebody reads the API, and nothing else. */

export interface AnnouncedPayout {
  readonly providerPayoutId: string;
  readonly externalOrderId: string | undefined;
  /** Undefined when the event announces no end. */
  readonly outcome: ProviderPayoutStatus | undefined;
}

export interface Judgement {
  readonly state: WebhookState;
  readonly detail: string | null;
  /** The provider's deposit or payout that the event is about. */
  readonly providerObjectId: string | null;
  readonly payoutId: string | null;
  readonly follow?: () => Promise<void>;
}

export async function judgePayout(trx: StoreTransaction, announced: AnnouncedPayout): Promise<Judgement> {
  const { providerPayoutId, externalOrderId = '', outcome } = announced;
  const named = payoutIdOfExternalId(externalOrderId) ?? null;
  const rows = await readAnnounced(trx, providerPayoutId, named);
  const [payout] = rows;
  const payoutId = payout?.payout_id ?? named;
  const judged = (state: WebhookState, detail: string | null, follow?: () => Promise<void>): Judgement => ({
    ...{ state, detail, providerObjectId: providerPayoutId, payoutId },
    ...(follow && { follow }),
  });
  if (payout === undefined) return judged(WEBHOOK_STATE.KEPT, 'names no payout of this engine');
  const { payout_id: id, status, accepted_status: acceptedStatus } = payout;
  const readById = () => wishToRead(trx, id, providerPayoutId);
  // Also what announces no end may name what is searched for, and the lists show late.
  if (rows.some(({ state }) => state === REQUEST_STATE.UNKNOWN)) {
    return judged(WEBHOOK_STATE.TAKEN, null, readById);
  }
  if (outcome === undefined) return judged(WEBHOOK_STATE.IGNORED, 'announces no end');
  if (acceptedStatus === outcome) return judged(WEBHOOK_STATE.IGNORED, 'announces what is known');
  if (rows.every(({ first_sent_at: firstSentAt }) => firstSentAt === null)) {
    return judged(WEBHOOK_STATE.KEPT, 'nothing was sent for the payout yet');
  }
  if (isFinalStatus(status)) return judged(WEBHOOK_STATE.KEPT, 'the payout has ended', readById);
  const isCarriedOut =
    status === PAYOUT_STATUS.IN_TRANSIT && payout.accepted_as === payoutExternalId(id, payout.payout_attempt);
  return judged(WEBHOOK_STATE.TAKEN, null, async () => {
    if (isCarriedOut && (await awaitEnd(trx, providerPayoutId))) await hintPayouts(trx, [id], 'payoutEvent');
    else await readById();
  });
}

/** The payout whose attempt was accepted under this id, else the named one: a row for each request of it to pay out. */
function readAnnounced(trx: StoreTransaction, providerPayoutId: string, named: string | null) {
  const accepted = trx
    .selectFrom('provider_payouts')
    .select('payout_id')
    .where('provider_payout_id', '=', providerPayoutId);
  return trx
    .selectFrom('payouts')
    .leftJoin('provider_payouts as accepted', (join) =>
      join
        .onRef('accepted.payout_id', '=', 'payouts.payout_id')
        .on('accepted.provider_payout_id', '=', providerPayoutId),
    )
    .leftJoin('provider_requests as request', (join) =>
      join
        .onRef('request.payout_id', '=', 'payouts.payout_id')
        .on('request.operation', '=', REQUEST_OPERATION.PAYOUT),
    )
    .select(['payouts.payout_id', 'payouts.status', 'payout_attempt', 'state', 'first_sent_at'])
    .select(['accepted.status as accepted_status', 'accepted.external_order_id as accepted_as'])
    .where('payouts.payout_id', '=', (eb) => eb.fn.coalesce(accepted, eb.val(named)))
    .execute();
}

/** The next sync reads it by its id, and tells whomever it concerns. */
async function wishToRead(trx: StoreTransaction, payoutId: string, providerId: string): Promise<void> {
  if (!(await findAnnounced(trx, payoutId)).includes(providerId)) return;
  await wishForSync(trx, 'a webhook named it', { kind: OBJECT_KIND.PAYOUT, providerId });
}

const MAX_ANNOUNCED = 10;

/** What the provider's events about a payout named first: no more than a few are of interest. */
export async function findAnnounced(db: StoreDatabase, payoutId: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('webhook_inbox')
    .select('provider_object_id')
    .where('payout_id', '=', payoutId)
    .groupBy('provider_object_id')
    .orderBy((eb) => eb.fn.min('received_at'))
    .limit(MAX_ANNOUNCED)
    .execute();
  return rows.flatMap((row) => row.provider_object_id ?? []);
}
