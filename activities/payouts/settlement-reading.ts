import { REQUEST_OPERATION } from '../../src/store/schema.js';
import type { PendingWebhook } from '../../src/store/webhooks/webhook-inbox.js';
import type { SettlementReading } from '../../src/store/requests/settlements.js';
import { FAILURE_TYPE, FAILURES } from '../../src/domain/failure-type.js';
import { payoutExternalId, payoutIdOfExternalId } from '../../src/domain/identifiers.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../../src/domain/payout-status.js';
import { isFailedOrCancelled, PROVIDER_PAYOUT_STATUS } from '../../src/domain/provider-status.js';
import type { Payout } from '../../src/qbitpay/schemas.js';
import { findDiscrepancy, recordAccepted } from './accepted-object.js';
import type { ActivityDependencies } from '../dependencies.js';
import { readState, type PayoutState } from '../payout-state.js';
import { orNone, readAnnounced, type Announced } from '../provider/provider-scan.js';

export interface SettlementInput {
  readonly payoutId: string;
  readonly providerPayoutId: string;
  /** What becomes of a payout that QbitPay failed or cancelled. */
  readonly onFailedAttempt: 'fail' | 'hold';
  /** For how long a payout that QbitPay does not show is only waited for. */
  readonly unknownOutcomeWaitSeconds: number;
}

/**
 * `GET /payouts/ID`: the only thing that ends an accepted payout. Webhook events that came in before the
 * reading are dealt with by it.
 */
export async function readSettlement(
  deps: ActivityDependencies,
  { payoutId, providerPayoutId, onFailedAttempt, unknownOutcomeWaitSeconds }: SettlementInput,
): Promise<PayoutState> {
  const { store, qbitpay } = deps;
  const events = await store.webhooks.pendingWebhooksOf({ payoutId });
  const { request } = await store.payouts.getPayout(payoutId);
  // At once: others that do not answer must not use up the time of the one that is settled.
  const [payout, others] = await Promise.all([
    orNone(() => qbitpay.getPayout(providerPayoutId)),
    readOthers(deps, providerPayoutId, events),
  ]);
  // First: of two payouts neither ends anything before a person has said which one it is.
  await recordOthers(deps, payoutId, others);
  // A 404 right after it was created means "not visible yet"; a read never ends a payout by itself. Nothing was
  // read: the events stay to be dealt with.
  if (payout === undefined) {
    const missing = { providerPayoutId, unknownOutcomeWaitSeconds };
    const wake = await store.requests.recordMissing(payoutId, missing);
    return readState(store, payoutId, { wake });
  }
  const wake = await store.requests.recordSettlement(payoutId, {
    providerPayoutId,
    currency: payout.currency,
    recipientAmount: payout.amount,
    fee: payout.fee,
    status: payout.status,
    outcome: outcomeOf(payout, onFailedAttempt),
    discrepancy: findDiscrepancy(payout, request.currency),
  });
  const unseenIds = others.filter(({ answer }) => typeof answer === 'string').map(({ id }) => id);
  await store.webhooks.markWebhooksHandled(
    events.filter((event) => !unseenIds.includes(event.providerObjectId ?? '')),
  );
  return readState(store, payoutId, { wake });
}

/** Another one of the provider's that an event about this payout names; where it was not seen, its events stay. */
interface Other {
  readonly id: string;
  readonly answer: Announced;
}

async function readOthers(
  { qbitpay }: ActivityDependencies,
  providerPayoutId: string,
  events: readonly PendingWebhook[],
): Promise<readonly Other[]> {
  const named = new Set(events.flatMap((event) => event.providerObjectId ?? []));
  named.delete(providerPayoutId);
  return Promise.all([...named].map(async (id) => ({ id, answer: await readAnnounced(qbitpay, id) })));
}

/** There may be two of them. */
async function recordOthers(
  deps: ActivityDependencies,
  payoutId: string,
  others: readonly Other[],
): Promise<void> {
  if (others.length === 0) return;
  const payout = await deps.store.payouts.getPayout(payoutId);
  const externalOrderId = payoutExternalId(payoutId, payout.payoutAttempt);
  const id = { operation: REQUEST_OPERATION.PAYOUT, externalOrderId };
  const { asked } = await deps.store.requests.get(id);
  for (const { answer } of others) {
    if (typeof answer === 'string') continue;
    if (answer.externalOrderId === externalOrderId) await recordAccepted(deps, payout, { id, answer, asked });
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
  onFailedAttempt: SettlementInput['onFailedAttempt'],
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
  onFailedAttempt: SettlementInput['onFailedAttempt'],
): NonNullable<SettlementReading['outcome']> {
  const { meaning } = FAILURES[type];
  return onFailedAttempt === 'fail'
    ? { status, detail: meaning, failure: { type, message: meaning } }
    : { status: PAYOUT_STATUS.HELD, detail: meaning, holdReason: FAILURE_TYPE.ATTEMPT_FAILED };
}
