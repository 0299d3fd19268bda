import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ADJUSTMENT_KIND, ENTRY_CAUSE, type AdjustmentKind } from '../../domain/ledger.js';
import { compareAmounts } from '../../domain/money.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { lockPayout } from '../payouts/payout-transitions.js';
import { hintWaiting } from '../payouts/reservations.js';
import { DONE, refuse, type Outcome } from '../outcome.js';
import { writeOffReturn } from '../requests/returns.js';
import { balanceOf, isCovered, lockLedger } from './journal.js';
import { findEntry, type LedgerEntry } from './ledger-reading.js';
import {
  AVAILABLE,
  book,
  negativePart,
  owedAccount,
  positivePart,
  PROVIDER,
  SHORTFALL,
  type Movements,
} from './movements.js';

/** Persons put the books right: each adjustment is an entry of its own, with who made it and why. */

export interface Adjustment {
  readonly kind: AdjustmentKind;
  readonly currency: string;
  /** Positive; of a correction negative where QbitPay holds less. */
  readonly amount: string;
  readonly reason: string;
  /** Whose return is written off; null for another write-off, and where the kind has none. */
  readonly payoutId: string | null;
  /** Who owes what is written off; null where nobody does. */
  readonly owner: string | null;
}

export interface AdjustmentRequest extends Adjustment {
  readonly actor: string;
  /** Of its caller: the same one again changes nothing. @default a new one */
  readonly idempotencyKey?: string | undefined;
}

export type AdjustmentOutcome =
  | { readonly kind: 'booked'; readonly entry: LedgerEntry }
  /** It makes no sense now; the message says why. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Another adjustment was made under the key. */
  | { readonly kind: 'keyTaken' };

export async function adjustLedger(
  db: StoreDatabase,
  { actor, idempotencyKey, ...adjustment }: AdjustmentRequest,
): Promise<AdjustmentOutcome> {
  return inTransaction(db, async (trx) => {
    const adjustmentId = idempotencyKey ?? randomUUID();
    // The row before the ledger, as everywhere.
    if (adjustment.payoutId !== null) await lockPayout(trx, adjustment.payoutId);
    await lockLedger(trx, [adjustment.currency]);
    const before = await findEntry(trx, ENTRY_CAUSE.ADJUSTMENT, adjustmentId);
    if (before !== undefined) {
      const isSame = isDeepStrictEqual(toAdjustment(before), adjustment);
      return isSame ? { kind: 'booked', entry: before } : { kind: 'keyTaken' };
    }
    const outcome = await carryOut(trx, adjustment, { adjustmentId, actor });
    if (!outcome.ok) return { kind: 'refused', message: outcome.message };
    await hintWaiting(trx, [adjustment.currency]);
    const entry = await findEntry(trx, ENTRY_CAUSE.ADJUSTMENT, adjustmentId);
    if (entry === undefined) throw new Error('an adjustment moved nothing');
    return { kind: 'booked', entry };
  });
}

/** What an entry of the ledger says of the adjustment that it is. */
export function toAdjustment({ details, payoutId }: LedgerEntry): Adjustment {
  const { kind, currency = '', amount = '', reason = '', owner = null } = details;
  return { kind: kind as AdjustmentKind, currency, amount, reason, payoutId, owner };
}

interface Author {
  readonly adjustmentId: string;
  readonly actor: string;
}

async function carryOut(trx: StoreTransaction, adjustment: Adjustment, author: Author): Promise<Outcome> {
  const { kind, currency, amount, payoutId } = adjustment;
  const taken = kind === ADJUSTMENT_KIND.CORRECTION ? negativePart(amount) : amount;
  if (kind === ADJUSTMENT_KIND.WRITE_OFF) {
    const draft = toDraft(adjustment, author);
    return payoutId === null
      ? writeOffDebt(trx, adjustment, draft)
      : writeOffReturn(trx, { ...draft, payoutId }, adjustment);
  }
  if (!(await isCovered(trx, currency, taken))) {
    return refuse(`the ledger does not know of ${taken} ${currency} at QbitPay`);
  }
  const write = (entry: Movements): void => {
    entry.chargeHouse(PROVIDER, { currency, amount: taken });
    const added = kind === ADJUSTMENT_KIND.CORRECTION ? positivePart(amount) : '0';
    entry.makeAvailable(PROVIDER, { currency, amount: added });
  };
  await book(trx, { ...toDraft(adjustment, author), write });
  return DONE;
}

function toDraft(adjustment: Adjustment, { adjustmentId, actor }: Author) {
  const { kind, currency, amount, reason, owner } = adjustment;
  const details = { kind, currency, amount, reason, ...(owner === null ? {} : { owner }) };
  return { cause: ENTRY_CAUSE.ADJUSTMENT, causeId: adjustmentId, actor, details } as const;
}

/** The house makes good what an owner owes, or a shortfall, before money that comes in does. */
async function writeOffDebt(
  trx: StoreTransaction,
  { currency, amount, owner }: Adjustment,
  draft: ReturnType<typeof toDraft>,
): Promise<Outcome> {
  const account = owner === null ? SHORTFALL : owedAccount(owner);
  const debt = negativePart(await balanceOf(trx, account, currency));
  const available = await balanceOf(trx, AVAILABLE, currency);
  if (compareAmounts(amount, debt) > 0) {
    return refuse(`${owner === null ? 'the shortfall is' : 'the owner owes'} ${debt} ${currency}`);
  }
  if (compareAmounts(amount, available) > 0) return refuse(`available are ${available} ${currency}`);
  await book(trx, { ...draft, write: (entry) => entry.move(AVAILABLE, account, { currency, amount }) });
  return DONE;
}
