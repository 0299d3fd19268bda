import type { DepositNotice } from '../store/deposits/deposit-notices.js';
import type { Store } from '../store/store.js';
import { WEBHOOK_STATE, type InboxRow } from '../store/schema.js';
import { FAILURE_TYPE } from '../domain/failure-type.js';
import { normaliseTransactionHash } from '../domain/identifiers.js';
import { PAYOUT_STATUS } from '../domain/payout-status.js';
import { parseWebhookEvent, readDepositEvent, type DepositEvent } from '../qbitpay/webhook-event.js';
import type { PayoutGateway } from '../temporal/payout-gateway.js';

export type DispatchWebhook = (webhookEventId: string) => Promise<void>;

export interface DispatcherDependencies {
  readonly store: Store;
  readonly signalPayout: PayoutGateway['signal'];
  readonly depositEventTypes: readonly string[];
}

/**
 * Hands a stored event to the workflow of its payout, or remembers what it says of a deposit. It may run any number of
 * times for the same event: a payout reads the provider once more, a notice is remembered once.
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
  { store, signalPayout }: DispatcherDependencies,
  payoutId: string | null,
): Promise<string | undefined> {
  if (payoutId === null) return 'names no payout of this engine';
  const payout = await store.payouts.findPayout(payoutId);
  const isUnsent = payout?.status === PAYOUT_STATUS.HELD && payout.providerPayout === null;
  // While a person decides about an unknown outcome, its request is still looked for: this event may name it.
  const isLookedFor = payout?.holdReason === FAILURE_TYPE.UNKNOWN_OUTCOME;
  if (isUnsent && !isLookedFor) return 'the payout is held: evidence for whoever decides';
  return (await signalPayout({ payoutId, signal: 'payoutEvent' })) ? undefined : 'no such payout is open';
}

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
