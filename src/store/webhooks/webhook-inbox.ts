import { sql } from 'kysely';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { wishForSync } from '../mirror/sync-state.js';
import {
  OBJECT_KIND,
  REQUEST_OPERATION,
  REQUEST_STATE,
  WEBHOOK_STATE,
  type InboxRow,
  type WebhookState,
} from '../schema.js';

/**
 * Every authentic webhook event, stored before it is acknowledged. An event counts as handled only when an
 * activity that read the provider's API after the event came in marks it; the sweeper dispatches the rest again.
 */
export interface ReceivedWebhook {
  readonly webhookEventId: string;
  readonly type: string;
  readonly livemode: boolean | null;
  /** The provider's deposit or payout that the event is about. */
  readonly providerObjectId: string | null;
  readonly payoutId: string | null;
  readonly body: Uint8Array;
  /** Only pending events are dispatched. */
  readonly state: Exclude<WebhookState, 'handled'>;
  readonly stateDetail: string | null;
}

/** The first dispatch happens right after the answer; the sweeper leaves it this long. */
const FIRST_SWEEP_SECONDS = 30;
/** An event that stays unhandled is dispatched again after twice the time, up to this. */
const MAX_SWEEP_SECONDS = 3_600;

const MAX_ANNOUNCED = 10;

/** False when an event of this id is stored already: a repetition changes nothing. */
async function storeWebhook(db: StoreDatabase, webhook: ReceivedWebhook): Promise<boolean> {
  return inTransaction(db, async (trx) => {
    const isNew = await insertWebhook(trx, webhook);
    if (isNew) await readWhereSearchedFor(trx, webhook);
    return isNew;
  });
}

/** What an event names may be what a request is searched for, which the lists show late: it is read by its id. */
async function readWhereSearchedFor(trx: StoreTransaction, webhook: ReceivedWebhook): Promise<void> {
  const { payoutId, providerObjectId } = webhook;
  if (payoutId === null || providerObjectId === null) return;
  const searched = await trx
    .selectFrom('provider_requests')
    .select('external_order_id')
    .where('payout_id', '=', payoutId)
    .where('operation', '=', REQUEST_OPERATION.PAYOUT)
    .where('state', '=', REQUEST_STATE.UNKNOWN)
    .executeTakeFirst();
  if (searched === undefined) return;
  await wishForSync(trx, 'a webhook named it', { kind: OBJECT_KIND.PAYOUT, providerId: providerObjectId });
}

async function insertWebhook(trx: StoreTransaction, webhook: ReceivedWebhook): Promise<boolean> {
  const row = await trx
    .insertInto('webhook_inbox')
    .values({
      webhook_event_id: webhook.webhookEventId,
      type: webhook.type,
      livemode: webhook.livemode,
      provider_object_id: webhook.providerObjectId,
      payout_id: webhook.payoutId,
      body: Buffer.from(webhook.body),
      state: webhook.state,
      state_detail: webhook.stateDetail,
      next_dispatch_at:
        webhook.state === WEBHOOK_STATE.PENDING
          ? sql<Date>`clock_timestamp() + make_interval(secs => ${FIRST_SWEEP_SECONDS})`
          : null,
    })
    .onConflict((conflict) => conflict.column('webhook_event_id').doNothing())
    .returning('webhook_event_id')
    .executeTakeFirst();
  return row !== undefined;
}

async function findWebhook(db: StoreDatabase, webhookEventId: string): Promise<InboxRow | undefined> {
  return db
    .selectFrom('webhook_inbox')
    .selectAll()
    .where('webhook_event_id', '=', webhookEventId)
    .executeTakeFirst();
}

/** Pending events whose time has come, oldest first. */
async function findDueWebhooks(db: StoreDatabase, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('webhook_inbox')
    .select('webhook_event_id')
    .where('state', '=', WEBHOOK_STATE.PENDING)
    .where('next_dispatch_at', '<=', NOW)
    .orderBy('next_dispatch_at')
    .limit(limit)
    .execute();
  return rows.map((row) => row.webhook_event_id);
}

/** Counts a dispatch and sets the time of the next one, should the event stay unhandled. */
async function noteDispatch(db: StoreDatabase, webhookEventId: string): Promise<void> {
  await db
    .updateTable('webhook_inbox')
    .set({
      dispatches: sql<number>`dispatches + 1`,
      next_dispatch_at: sql<Date>`clock_timestamp() + make_interval(
        secs => least(${FIRST_SWEEP_SECONDS} * power(2, least(dispatches, 20)), ${MAX_SWEEP_SECONDS}))`,
    })
    .where('webhook_event_id', '=', webhookEventId)
    .where('state', '=', WEBHOOK_STATE.PENDING)
    .execute();
}

/** Keeps an event that nothing open is waiting for, with the reason, for a person to see. */
async function keepWebhook(db: StoreDatabase, webhookEventId: string, detail: string): Promise<void> {
  await db
    .updateTable('webhook_inbox')
    .set({ state: WEBHOOK_STATE.KEPT, state_detail: detail, next_dispatch_at: null })
    .where('webhook_event_id', '=', webhookEventId)
    .where('state', '=', WEBHOOK_STATE.PENDING)
    .execute();
}

/** An event that waits for a reading. */
export interface PendingWebhook {
  readonly webhookEventId: string;
  /** The provider's object that it is about. */
  readonly providerObjectId: string | null;
  readonly receivedAt: Date;
}

/** The events that a reading of the provider's API, made after this call, will deal with. */
async function pendingWebhooksOf(
  db: StoreDatabase,
  { payoutId }: { readonly payoutId: string },
): Promise<PendingWebhook[]> {
  return db
    .selectFrom('webhook_inbox')
    .select([
      'webhook_event_id as webhookEventId',
      'provider_object_id as providerObjectId',
      'received_at as receivedAt',
    ])
    .where('state', '=', WEBHOOK_STATE.PENDING)
    .where('payout_id', '=', payoutId)
    .execute();
}

/** What the provider's events about a payout name, whatever became of them: no more than a few are of interest. */
async function announcedObjectsOf(db: StoreDatabase, payoutId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('webhook_inbox')
    .select('provider_object_id')
    .distinct()
    .where('payout_id', '=', payoutId)
    .where('type', 'like', 'payout.%')
    .where('provider_object_id', 'is not', null)
    .limit(MAX_ANNOUNCED)
    .execute();
  return rows.flatMap((row) => row.provider_object_id ?? []);
}

async function markWebhooksHandled(
  db: StoreDatabase,
  events: readonly Pick<PendingWebhook, 'webhookEventId'>[],
): Promise<void> {
  if (events.length === 0) return;
  await db
    .updateTable('webhook_inbox')
    .set({ state: WEBHOOK_STATE.HANDLED, handled_at: NOW, next_dispatch_at: null })
    .where(
      'webhook_event_id',
      'in',
      events.map(({ webhookEventId }) => webhookEventId),
    )
    .where('state', '=', WEBHOOK_STATE.PENDING)
    .execute();
}

export function createWebhooks(db: StoreDatabase) {
  return {
    storeWebhook: storeWebhook.bind(null, db),
    findWebhook: findWebhook.bind(null, db),
    findDueWebhooks: findDueWebhooks.bind(null, db),
    noteDispatch: noteDispatch.bind(null, db),
    keepWebhook: keepWebhook.bind(null, db),
    pendingWebhooksOf: pendingWebhooksOf.bind(null, db),
    announcedObjectsOf: announcedObjectsOf.bind(null, db),
    markWebhooksHandled: markWebhooksHandled.bind(null, db),
  };
}
