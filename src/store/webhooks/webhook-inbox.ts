import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { noteDeposit, noticeIdOf, type DepositNotice } from '../deposits/deposit-notices.js';
import { WEBHOOK_STATE, type WebhookState } from '../schema.js';
import { findAnnounced, judgePayout, type AnnouncedPayout, type Judgement } from './announced-payouts.js';

/**
 * Every authentic webhook event. What follows from an event is written in the transaction that stores it: once it is
 * acknowledged, nothing of it can be lost.
 */
export interface ReceivedWebhook {
  readonly webhookEventId: string;
  readonly type: string;
  readonly livemode: boolean | null;
  readonly body: Uint8Array;
}

/** What an event is about, as far as it can be read. */
export type WebhookSubject =
  | { readonly kind: 'none'; readonly state: 'ignored' | 'kept'; readonly detail: string }
  | { readonly kind: 'deposit'; readonly notice: DepositNotice }
  | { readonly kind: 'payout'; readonly announced: AnnouncedPayout };

export interface StoredWebhook {
  readonly state: WebhookState;
  /** Another event came under the same id. */
  readonly isConflict: boolean;
}

/** Undefined when the same event is stored already: a repetition changes nothing. */
async function storeWebhook(
  db: StoreDatabase,
  { webhookEventId, type, livemode, body }: ReceivedWebhook,
  subject: WebhookSubject,
): Promise<StoredWebhook | undefined> {
  return inTransaction(db, async (trx) => {
    const { state, detail, providerObjectId, payoutId, follow } = await judge(trx, subject);
    const inserted = await trx
      .insertInto('webhook_inbox')
      .values({
        webhook_event_id: webhookEventId,
        type,
        livemode,
        provider_object_id: providerObjectId,
        payout_id: payoutId,
        body: Buffer.from(body),
        state,
        state_detail: detail,
      })
      .onConflict((conflict) => conflict.columns(['webhook_event_id', 'body_sha256']).doNothing())
      // What was there before: an insertion does not show itself.
      .returning((eb) =>
        eb
          .exists(
            eb.selectFrom('webhook_inbox as other').where('other.webhook_event_id', '=', webhookEventId),
          )
          .as('is_conflict'),
      )
      .executeTakeFirst();
    if (inserted === undefined) return undefined;
    await follow?.();
    return { state, isConflict: inserted.is_conflict === true };
  });
}

async function judge(trx: StoreTransaction, subject: WebhookSubject): Promise<Judgement> {
  switch (subject.kind) {
    case 'none':
      return { ...subject, providerObjectId: null, payoutId: null };
    case 'deposit': {
      const { notice } = subject;
      return {
        state: WEBHOOK_STATE.TAKEN,
        detail: null,
        providerObjectId: noticeIdOf(notice),
        payoutId: null,
        follow: async () => {
          await noteDeposit(trx, notice);
        },
      };
    }
    case 'payout':
      return judgePayout(trx, subject.announced);
  }
}

export function createWebhooks(db: StoreDatabase) {
  return {
    storeWebhook: storeWebhook.bind(null, db),
    findAnnounced: findAnnounced.bind(null, db),
  };
}
