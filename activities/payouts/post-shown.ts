import type { SettlementReading } from '../../src/store/requests/settlements.js';
import { FAILURE_TYPE, FAILURES } from '../../src/domain/failure-type.js';
import { payoutExternalId } from '../../src/domain/identifiers.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../../src/domain/payout-status.js';
import type { PayoutPolicy } from '../../src/domain/policy.js';
import { isFailedOrCancelled, PROVIDER_PAYOUT_STATUS } from '../../src/domain/provider-status.js';
import type { Payout } from '../../src/qbitpay/schemas.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';
import { OBJECT_KIND, REQUEST_OPERATION } from '../../src/store/schema.js';
import type { Store } from '../../src/store/store.js';
import type { ActivityDependencies } from '../dependencies.js';
import { findDiscrepancy, toAcceptedObject } from './accepted-object.js';
import { findReturns } from './returned-money.js';

type Parts = Pick<ActivityDependencies, 'store'>;

/**
 * Posts what the mirror shows of a payout at QbitPay, and of the money that came back of it: its workflow by what it read,
 * the sync by what it read. Nothing else ends a payout that QbitPay accepted, or changes one that has ended.
 */
export async function postShown({ store }: Parts, payoutId: string, known?: Unread): Promise<void> {
  const { unread, own: first } = known ?? (await readUnread({ store }, payoutId));
  let own = first;
  let payout = await store.payouts.getPayout(payoutId);
  const others = unread.filter(({ kind, providerId }) => kind === OBJECT_KIND.PAYOUT && providerId !== own);
  // First: of two payouts neither ends anything before a person has said which one it is.
  for (const { providerId, externalOrderId } of others) {
    const other = await readMirror({ store }, providerId);
    if (other !== undefined) await postOther({ store }, payout, externalOrderId, other);
    // It may have become the payout's own.
    ({ providerPayoutId: own } = await store.payouts.readPayoutState(payoutId));
    payout = await store.payouts.getPayout(payoutId);
  }
  if (own !== null) {
    const shown = await readMirror({ store }, own);
    if (shown !== undefined) await postOwn({ store }, payout, shown);
  }
  // Also of an attempt that the payout is not at any more.
  const isOnlyOwn = unread.every(({ kind }) => kind === OBJECT_KIND.PAYOUT);
  const ofOwn = own === null ? [] : [own];
  const accepted = isOnlyOwn ? ofOwn : await store.requests.listAccepted(payoutId);
  for (const one of accepted) {
    for (const returned of await findReturns(store, one))
      await store.requests.recordReturn(payoutId, returned);
  }
  for (const one of unread) await store.mirror.markRead(one, one.changedAt);
}

/** What is to be posted of a payout. */
export interface Unread {
  readonly unread: Awaited<ReturnType<Store['mirror']['findUnread']>>;
  /** The id of its own at QbitPay; null where it has none. */
  readonly own: string | null;
}

async function readUnread({ store }: Parts, payoutId: string): Promise<Unread> {
  const unread = await store.mirror.findUnread(payoutId);
  const { providerPayoutId: own } = await store.payouts.readPayoutState(payoutId);
  return { unread, own };
}

/** Undefined where QbitPay does not show it, or it cannot be read. */
async function readMirror({ store }: Parts, providerPayoutId: string): Promise<Payout | undefined> {
  const known = await store.mirror.findObject(OBJECT_KIND.PAYOUT, providerPayoutId);
  const isShown = known !== undefined && known.missing_since === null && known.problem === null;
  return isShown ? (known.content as Payout) : undefined;
}

async function postOwn({ store }: Parts, payout: PayoutRecord, shown: Payout): Promise<void> {
  const { payoutId, policy } = payout;
  await store.requests.recordSettlement(payoutId, {
    providerPayoutId: shown.id,
    currency: shown.currency,
    recipientAmount: shown.amount,
    fee: shown.fee,
    status: shown.status,
    outcome: outcomeOf(shown, policy.onFailedAttempt),
    discrepancy: findDiscrepancy(shown, payout),
  });
}

/** Another one of QbitPay's of this payout: there may be two, or the payout had ended before it was seen. */
async function postOther(
  { store }: Parts,
  payout: PayoutRecord,
  externalOrderId: string,
  answer: Payout,
): Promise<void> {
  const { payoutId, payoutAttempt } = payout;
  if (externalOrderId !== payoutExternalId(payoutId, payoutAttempt)) {
    if (isFailedOrCancelled(answer.status)) return;
    const isKnown = answer.status !== PROVIDER_PAYOUT_STATUS.UNKNOWN;
    const isItsOwn = isKnown && (await store.requests.returnToAttempt(payoutId, externalOrderId));
    if (!isItsOwn) return report({ store }, payoutId, externalOrderId, answer);
  }
  const id = { operation: REQUEST_OPERATION.PAYOUT, externalOrderId };
  const request = await store.requests.find(id);
  const { object, discrepancy } = toAcceptedObject(payout, { id, answer, asked: request?.asked ?? null });
  await store.requests.accept(payoutId, object, discrepancy);
}

/** Another attempt was made because this one was over: that it lives is told even if nobody could stop the other. */
async function report(
  { store }: Parts,
  payoutId: string,
  externalOrderId: string,
  { id, statusText }: Payout,
): Promise<void> {
  const which = `payout ${id} as ${statusText}`;
  await store.requests.reportEarlier(payoutId, { externalOrderId, which });
}

/** What QbitPay's status means for the payout; null while it means nothing yet. */
function outcomeOf(
  { status, statusText }: Pick<Payout, 'status' | 'statusText'>,
  onFailedAttempt: PayoutPolicy['onFailedAttempt'],
): SettlementReading['outcome'] {
  switch (status) {
    case PROVIDER_PAYOUT_STATUS.PENDING:
    case PROVIDER_PAYOUT_STATUS.IN_TRANSIT:
      return null;
    case PROVIDER_PAYOUT_STATUS.PAID:
      return { status: PAYOUT_STATUS.PAID, detail: 'settled' };
    case PROVIDER_PAYOUT_STATUS.FAILED:
      return failedAs(PAYOUT_STATUS.FAILED, FAILURE_TYPE.PAYOUT_FAILED, onFailedAttempt);
    case PROVIDER_PAYOUT_STATUS.CANCELLED:
      return failedAs(PAYOUT_STATUS.CANCELLED, FAILURE_TYPE.CANCELLED_BY_PROVIDER, onFailedAttempt);
    case PROVIDER_PAYOUT_STATUS.UNKNOWN: {
      const detail = `QbitPay says "${statusText}"`;
      return { status: PAYOUT_STATUS.HELD, detail, holdReason: FAILURE_TYPE.STATUS_NOT_KNOWN };
    }
  }
}

function failedAs(
  status: PayoutStatus,
  type: 'PAYOUT_FAILED' | 'CANCELLED_BY_PROVIDER',
  onFailedAttempt: PayoutPolicy['onFailedAttempt'],
): NonNullable<SettlementReading['outcome']> {
  const { meaning } = FAILURES[type];
  return onFailedAttempt === 'fail'
    ? { status, detail: meaning, failure: { type, message: meaning } }
    : { status: PAYOUT_STATUS.HELD, detail: meaning, holdReason: FAILURE_TYPE.ATTEMPT_FAILED };
}
