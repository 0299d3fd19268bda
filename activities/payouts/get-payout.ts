import { REQUEST_OPERATION } from '../../src/store/schema.js';
import type { SettlementReading } from '../../src/store/requests/settlements.js';
import { FAILURE_TYPE, FAILURES } from '../../src/domain/failure-type.js';
import { payoutExternalId, payoutIdOfExternalId } from '../../src/domain/identifiers.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../../src/domain/payout-status.js';
import type { PayoutPolicy } from '../../src/domain/policy.js';
import { isFailedOrCancelled, PROVIDER_PAYOUT_STATUS } from '../../src/domain/provider-status.js';
import type { Payout } from '../../src/qbitpay/schemas.js';
import { findDiscrepancy, toAcceptedObject } from './accepted-object.js';
import type { ActivityDependencies } from '../dependencies.js';
import { putOnHold, readState, type PayoutState } from '../payout-state.js';
import { readUnlessFailing } from '../provider/missing-object.js';
import { readShown } from '../provider/shown-object.js';
import { findReturn } from './returned-money.js';

export interface GetPayoutInput extends Pick<PayoutPolicy, 'onFailedAttempt' | 'unknownOutcomeWaitSeconds'> {
  readonly payoutId: string;
}

/**
 * Posts what QbitPay shows of an accepted payout: the only thing that ends it. The mirror answers, unless a webhook
 * announced an end since it was read.
 */
export function createGetPayout(deps: ActivityDependencies) {
  return async function getPayout(input: GetPayoutInput): Promise<PayoutState<'unshown'>> {
    const { store } = deps;
    const { payoutId } = input;
    await store.mirror.takeHint(payoutId, 'payoutEvent');
    const { providerPayoutId } = await readState(store, payoutId);
    if (providerPayoutId === null) return readState(store, payoutId);
    const unread = await store.mirror.findUnreadPayouts(payoutId);
    // At once: others that do not answer must not use up the time of the one that is settled.
    const [{ object: payout, forMs }, others] = await Promise.all([
      readShown(deps, 'payout', providerPayoutId),
      readOthers(
        deps,
        unread.map(({ providerId }) => providerId).filter((id) => id !== providerPayoutId),
      ),
    ]);
    // First: of two payouts neither ends anything before a person has said which one it is.
    await recordOthers(deps, payoutId, others);
    for (const one of unread) await store.mirror.markRead(one, one.changedAt);
    // A 404 right after it was created means "not visible yet"; a read never ends a payout by itself.
    if (payout === undefined) return awaitShown(deps, input, providerPayoutId, forMs);
    await post(deps, input, payout);
    const returned = await findReturn(store, providerPayoutId);
    if (returned !== undefined) await store.requests.recordReturn(payoutId, returned);
    return readState(store, payoutId);
  };
}

/** Until it has not been shown for as long as it may be late. */
async function awaitShown(
  { store }: ActivityDependencies,
  { payoutId, unknownOutcomeWaitSeconds }: GetPayoutInput,
  providerPayoutId: string,
  forMs: number,
): Promise<PayoutState<'unshown'>> {
  const state = await readState(store, payoutId);
  if (forMs < unknownOutcomeWaitSeconds * 1_000) return { ...state, next: 'unshown' };
  if (state.status !== PAYOUT_STATUS.IN_TRANSIT) return state;
  const detail = `QbitPay does not show payout ${providerPayoutId}`;
  return putOnHold(store, payoutId, { reason: FAILURE_TYPE.STATUS_NOT_KNOWN, detail });
}

async function post(
  { store }: ActivityDependencies,
  { payoutId, onFailedAttempt }: GetPayoutInput,
  payout: Payout,
): Promise<void> {
  const { request } = await store.payouts.getPayout(payoutId);
  await store.requests.recordSettlement(payoutId, {
    providerPayoutId: payout.id,
    currency: payout.currency,
    recipientAmount: payout.amount,
    fee: payout.fee,
    status: payout.status,
    outcome: outcomeOf(payout, onFailedAttempt),
    discrepancy: findDiscrepancy(payout, request.currency),
  });
}

/** Others of QbitPay's under the ids of this payout, as far as it shows them. */
async function readOthers(deps: ActivityDependencies, ids: readonly string[]): Promise<readonly Payout[]> {
  const read = (id: string) => readUnlessFailing(async () => (await readShown(deps, 'payout', id)).object);
  return (await Promise.all(ids.map(read))).filter((other) => other !== undefined);
}

/** There may be two of them. */
async function recordOthers(
  deps: ActivityDependencies,
  payoutId: string,
  others: readonly Payout[],
): Promise<void> {
  if (others.length === 0) return;
  const { payouts, requests } = deps.store;
  const payout = await payouts.getPayout(payoutId);
  const externalOrderId = payoutExternalId(payoutId, payout.payoutAttempt);
  const id = { operation: REQUEST_OPERATION.PAYOUT, externalOrderId };
  const { asked } = await requests.get(id);
  for (const answer of others) {
    const { object, discrepancy } = toAcceptedObject(payout, { id, answer, asked });
    if (answer.externalOrderId === externalOrderId) await requests.accept(payoutId, object, discrepancy);
    else await reportIfEarlier(deps, payoutId, answer);
  }
}

/** Another attempt was made because this one was over: that it lives is told even if nobody could stop the other. */
async function reportIfEarlier(
  { store }: ActivityDependencies,
  payoutId: string,
  { id, externalOrderId = '', status, statusText }: Payout,
): Promise<void> {
  if (payoutIdOfExternalId(externalOrderId) !== payoutId || isFailedOrCancelled(status)) return;
  const which = `payout ${id} as ${statusText}`;
  await store.requests.reportEarlier(payoutId, { externalOrderId, which });
}

/** What QbitPay's status means for the payout; null while it means nothing yet. */
function outcomeOf(
  { status, statusText }: Pick<Payout, 'status' | 'statusText'>,
  onFailedAttempt: GetPayoutInput['onFailedAttempt'],
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
  onFailedAttempt: GetPayoutInput['onFailedAttempt'],
): NonNullable<SettlementReading['outcome']> {
  const { meaning } = FAILURES[type];
  return onFailedAttempt === 'fail'
    ? { status, detail: meaning, failure: { type, message: meaning } }
    : { status: PAYOUT_STATUS.HELD, detail: meaning, holdReason: FAILURE_TYPE.ATTEMPT_FAILED };
}
