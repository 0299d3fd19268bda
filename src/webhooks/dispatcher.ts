import type { Store } from '../store/store.js';
import { WEBHOOK_STATE } from '../store/schema.js';
import { FAILURE_TYPE } from '../domain/failure-type.js';
import { depositKeyOfTransaction, normaliseTransactionHash } from '../domain/identifiers.js';
import { PAYOUT_STATUS } from '../domain/payout-status.js';
import { parseWebhookEvent, readDepositEvent, type DepositNotice } from '../qbitpay/webhook-event.js';
import type { DepositGateway } from '../temporal/deposit-gateway.js';

export type DispatchWebhook = (webhookEventId: string) => Promise<void>;

export interface DispatcherDependencies {
  readonly store: Store;
  readonly gateway: Pick<DepositGateway, 'signalPayout' | 'startDeposit' | 'matchAgain'>;
  readonly depositEventTypes: readonly string[];
}

/**
 * Hands a stored event to the workflow it is for. It may run any number of times for the same event: a payout
 * reads the provider once more, a deposit workflow is not started twice.
 */
export function createWebhookDispatcher(deps: DispatcherDependencies): DispatchWebhook {
  const { store, depositEventTypes } = deps;
  return async function dispatchWebhook(webhookEventId) {
    const row = await store.webhooks.findWebhook(webhookEventId);
    if (row?.state !== WEBHOOK_STATE.PENDING) return;
    // Counted first, so that an event that cannot be dispatched does not stay in front of all others.
    await store.webhooks.noteDispatch(webhookEventId);
    const deposit = readDepositEvent(parseWebhookEvent(row.body), depositEventTypes);
    const refusal =
      deposit === undefined
        ? await signalPayout(deps, row.payout_id, webhookEventId)
        : await startDeposit(deps, deposit);
    if (refusal !== undefined) await store.webhooks.keepWebhook(webhookEventId, refusal);
  };
}

/** Both answer with the reason why nothing is waiting for the event, if so. */
async function signalPayout(
  { store, gateway }: DispatcherDependencies,
  payoutId: string | null,
  webhookEventId: string,
): Promise<string | undefined> {
  if (payoutId === null) return 'names no payout of this engine';
  const payout = await store.payouts.findPayout(payoutId);
  const isUnsent = payout?.status === PAYOUT_STATUS.HELD && payout.providerPayout === null;
  // While a person decides about an unknown outcome, its request is still looked for: this event may name it.
  const isLookedFor = payout?.holdReason === FAILURE_TYPE.UNKNOWN_OUTCOME;
  if (isUnsent && !isLookedFor) return 'the payout is held: evidence for whoever decides';
  return (await gateway.signalPayout(payoutId, webhookEventId)) ? undefined : 'no such payout is open';
}

async function startDeposit(
  { store, gateway }: DispatcherDependencies,
  deposit: DepositNotice,
): Promise<string | undefined> {
  const { providerDepositId = null, currency, amount, address = null, txHash = null } = deposit;
  if (providerDepositId !== null && txHash !== null) {
    // A deposit that reconciliation found has no transaction yet: the notice that came after all may bring it.
    const hash = normaliseTransactionHash(txHash);
    const known = await store.deposits.learnTransaction({ providerDepositId, txHash: hash });
    if (known !== undefined) await gateway.matchAgain(known);
  }
  const notice = { providerDepositId, currency, amount, address, txHash };
  const started = await gateway.startDeposit({ depositKey: depositKeyOf(deposit), notice });
  return started ? undefined : 'this deposit was dealt with before';
}

/** The deposit's own id, else its transaction: the id of its workflow and its key in the store. */
export function depositKeyOf(notice: DepositNotice): string {
  if (notice.providerDepositId !== undefined) return notice.providerDepositId;
  return depositKeyOfTransaction(normaliseTransactionHash(notice.txHash ?? ''));
}
