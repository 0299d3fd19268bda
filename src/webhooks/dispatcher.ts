import type { DepositNotice } from '../store/deposits/deposit-notices.js';
import type { Store } from '../store/store.js';
import { WEBHOOK_STATE, type InboxRow } from '../store/schema.js';
import { FAILURE_TYPE } from '../domain/failure-type.js';
import { normaliseTransactionHash } from '../domain/identifiers.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../domain/payout-status.js';
import { parseWebhookEvent, readDepositEvent, type DepositEvent } from '../qbitpay/webhook-event.js';

export type DispatchWebhook = (webhookEventId: string) => Promise<void>;

export interface DispatcherDependencies {
  readonly store: Store;
  readonly depositEventTypes: readonly string[];
}

/**
 * Leaves a hint of a stored event to the workflow of its payout, or remembers what it says of a deposit. It may run any
 * number of times for the same event: a payout has one hint at most that it has not read, a notice is remembered once.
 */
export function createWebhookDispatcher(deps: DispatcherDependencies): DispatchWebhook {
  const { store, depositEventTypes } = deps;
  return async function dispatchWebhook(webhookEventId) {
    const row = await store.webhooks.findWebhook(webhookEventId);
    if (row?.state !== WEBHOOK_STATE.PENDING) return;
    // Counted first, so that an event that cannot be dispatched does not stay in front of all others.
    await store.webhooks.noteDispatch(webhookEventId);
    const deposit = readDepositEvent(parseWebhookEvent(row.body), depositEventTypes);
    if (deposit !== undefined) return noteDeposit(deps, row, deposit);
    const refusal = await hintPayout(deps, row.payout_id);
    if (refusal !== undefined) await store.webhooks.keepWebhook(webhookEventId, refusal);
  };
}

/** Answers with the reason why nothing is waiting for the event, if so. */
async function hintPayout(
  { store }: DispatcherDependencies,
  payoutId: string | null,
): Promise<string | undefined> {
  if (payoutId === null) return 'names no payout of this engine';
  const payout = await store.payouts.findPayout(payoutId);
  if (payout === undefined || isFinalStatus(payout.status)) return 'no such payout is open';
  const { status, holdReason, providerPayout } = payout;
  // Its request is looked for, also while a person decides: this event may name it.
  const isSent = AT_PROVIDER.includes(status) || holdReason === FAILURE_TYPE.UNKNOWN_OUTCOME;
  if (!isSent && providerPayout === null) {
    return status === PAYOUT_STATUS.HELD
      ? 'the payout is held: evidence for whoever decides'
      : 'nothing was sent for the payout yet';
  }
  await store.mirror.hintPayout(payoutId, 'payoutEvent');
  return undefined;
}

/** In these QbitPay has the payout, or may have it. */
const AT_PROVIDER: readonly PayoutStatus[] = [PAYOUT_STATUS.PAYING, PAYOUT_STATUS.IN_TRANSIT];

/** Remembered in the store, a notice has done what it can: the sync reads whether its money is there. */
async function noteDeposit(
  { store }: DispatcherDependencies,
  row: InboxRow,
  deposit: DepositEvent,
): Promise<void> {
  await store.deposits.noteDeposit(toNotice(deposit));
  await store.webhooks.markWebhooksHandled([{ webhookEventId: row.webhook_event_id }]);
}

export function toNotice(event: DepositEvent): DepositNotice {
  const { providerDepositId = null, currency, amount, address = null, txHash } = event;
  const hash = txHash === undefined ? null : normaliseTransactionHash(txHash);
  return { providerDepositId, currency, amount, address, txHash: hash };
}
