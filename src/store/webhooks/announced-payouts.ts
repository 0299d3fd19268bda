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
  const accepted = await findAccepted(trx, providerPayoutId);
  const payoutId = accepted?.payout_id ?? payoutIdOfExternalId(externalOrderId) ?? null;
  const judged = (state: WebhookState, detail: string | null, follow?: () => Promise<void>): Judgement => ({
    ...{ state, detail, providerObjectId: providerPayoutId, payoutId },
    ...(follow && { follow }),
  });
  const payout = payoutId === null ? undefined : await findPayout(trx, payoutId);
  if (payout === undefined) return judged(WEBHOOK_STATE.KEPT, 'names no payout of this engine');
  const { payout_id: id, status } = payout;
  const readById = () => wishToRead(trx, id, providerPayoutId);
  const requests = await findRequests(trx, id);
  // Also what announces no end may name what is searched for, and the lists show late.
  if (requests.some(({ state }) => state === REQUEST_STATE.UNKNOWN)) {
    return judged(WEBHOOK_STATE.TAKEN, null, readById);
  }
  if (outcome === undefined) return judged(WEBHOOK_STATE.IGNORED, 'announces no end');
  if (accepted?.status === outcome) return judged(WEBHOOK_STATE.IGNORED, 'announces what is known');
  if (requests.every((request) => request.first_sent_at === null)) {
    return judged(WEBHOOK_STATE.KEPT, 'nothing was sent for the payout yet');
  }
  if (isFinalStatus(status)) return judged(WEBHOOK_STATE.KEPT, 'the payout has ended', readById);
  const isCarriedOut =
    status === PAYOUT_STATUS.IN_TRANSIT &&
    accepted?.external_order_id === payoutExternalId(id, payout.payout_attempt);
  return judged(WEBHOOK_STATE.TAKEN, null, async () => {
    if (isCarriedOut && (await awaitEnd(trx, providerPayoutId))) await hintPayouts(trx, [id], 'payoutEvent');
    else await readById();
  });
}

function findAccepted(trx: StoreTransaction, providerPayoutId: string) {
  return trx
    .selectFrom('provider_payouts')
    .select(['payout_id', 'external_order_id', 'status'])
    .where('provider_payout_id', '=', providerPayoutId)
    .executeTakeFirst();
}

function findPayout(trx: StoreTransaction, payoutId: string) {
  return trx
    .selectFrom('payouts')
    .select(['payout_id', 'status', 'payout_attempt'])
    .where('payout_id', '=', payoutId)
    .executeTakeFirst();
}

function findRequests(trx: StoreTransaction, payoutId: string) {
  return trx
    .selectFrom('provider_requests')
    .select(['state', 'first_sent_at'])
    .where('payout_id', '=', payoutId)
    .where('operation', '=', REQUEST_OPERATION.PAYOUT)
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
