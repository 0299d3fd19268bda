import type { Store } from '../store/store.js';
import type { ReceivedWebhook } from '../store/webhooks/webhook-inbox.js';
import { WEBHOOK_STATE } from '../store/schema.js';
import {
  depositKeyOfTransaction,
  normaliseTransactionHash,
  payoutIdOfExternalId,
} from '../domain/identifiers.js';
import { QbitPayWebhookFormatError } from '../qbitpay/errors.js';
import {
  readDepositEvent,
  readPayoutEvent,
  type DepositNotice,
  type WebhookEvent,
} from '../qbitpay/webhook-event.js';

/** What decides which events count; see the environment variables of the same names. */
export interface WebhookRules {
  readonly livemode: boolean;
  readonly depositEventTypes: readonly string[];
}

type Classified = Pick<ReceivedWebhook, 'providerObjectId' | 'payoutId' | 'state' | 'stateDetail'>;

/**
 * What an authentic event is about, and whether anything follows from it. An event that should matter and
 * cannot be used is kept for a person to see; it is never dropped.
 */
export async function classifyWebhook(
  store: Store,
  event: WebhookEvent,
  rules: WebhookRules,
): Promise<Classified> {
  if (event.livemode !== rules.livemode) {
    return withoutConsequence(`livemode is ${String(event.livemode)}`);
  }
  try {
    const deposit = readDepositEvent(event, rules.depositEventTypes);
    if (deposit !== undefined) return pending(depositKeyOf(deposit), null);
    const payout = readPayoutEvent(event);
    if (payout === undefined) return withoutConsequence('of no concern to payouts');
    const payoutId =
      payout.externalOrderId === undefined
        ? await store.payouts.findPayoutIdByProviderId(payout.providerPayoutId)
        : payoutIdOfExternalId(payout.externalOrderId);
    const subject = { providerObjectId: payout.providerPayoutId, payoutId: payoutId ?? null };
    // Evidence for looking a payout up; only an end is a reason to read.
    if (payout.outcome === undefined) return { ...withoutConsequence('announces no end'), ...subject };
    return pending(subject.providerObjectId, subject.payoutId);
  } catch (error) {
    if (!(error instanceof QbitPayWebhookFormatError)) throw error;
    return {
      providerObjectId: null,
      payoutId: null,
      state: WEBHOOK_STATE.KEPT,
      stateDetail: `field ${error.field} cannot be used`,
    };
  }
}

/** The deposit's own id, else its transaction: the id of its workflow and its key in the store. */
export function depositKeyOf(notice: DepositNotice): string {
  if (notice.providerDepositId !== undefined) return notice.providerDepositId;
  return depositKeyOfTransaction(normaliseTransactionHash(notice.txHash ?? ''));
}

function pending(providerObjectId: string, payoutId: string | null): Classified {
  return { providerObjectId, payoutId, state: WEBHOOK_STATE.PENDING, stateDetail: null };
}

function withoutConsequence(stateDetail: string): Classified {
  return { providerObjectId: null, payoutId: null, state: WEBHOOK_STATE.IGNORED, stateDetail };
}
