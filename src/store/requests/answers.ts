import { sql } from 'kysely';
import type { StoreDatabase } from '../database.js';
import { REQUEST_STATE } from '../schema.js';
import { REQUEST_KIND, type ProviderRequestId } from './request-kind.js';
import { isOf } from './send-guard.js';

/** Every answer to a request that moves money, ours or not: what it named is never thrown away. */

export interface ReceivedAnswer {
  readonly sends: number;
  /** What it was taken for. */
  readonly verdict: string;
  readonly httpStatus: number | null;
  /** What it named, as far as it could be read. */
  readonly providerId: string | null;
  readonly namedExternalOrderId: string | null;
  readonly currency: string | null;
  readonly amount: string | null;
  /** What it says of a refusal: it may name persons and accounts. */
  readonly words: string | null;
}

export async function recordAnswer(
  db: StoreDatabase,
  { operation, externalOrderId }: ProviderRequestId,
  answer: ReceivedAnswer,
): Promise<void> {
  await db
    .insertInto('provider_answers')
    .values({
      operation,
      external_order_id: externalOrderId,
      sends: answer.sends,
      verdict: answer.verdict,
      http_status: answer.httpStatus,
      provider_id: answer.providerId,
      named_external_order_id: answer.namedExternalOrderId,
      currency: answer.currency,
      amount: answer.amount,
      words: answer.words,
    })
    .execute();
}

/** What QbitPay answered to the requests of a payout, oldest first. */
export async function listAnswers(db: StoreDatabase, payoutId: string, limit: number) {
  return db
    .selectFrom('provider_answers as answer')
    .innerJoin('provider_requests as request', (join) =>
      join
        .onRef('request.operation', '=', 'answer.operation')
        .onRef('request.external_order_id', '=', 'answer.external_order_id'),
    )
    .where('request.payout_id', '=', payoutId)
    .select(['answer.operation', 'answer.external_order_id as externalOrderId', 'answer.verdict'])
    .select(['answer.received_at as receivedAt', 'answer.http_status as httpStatus', 'answer.words'])
    .select(['answer.provider_id as providerId', 'answer.named_external_order_id as namedExternalOrderId'])
    .select(['answer.currency', 'answer.amount'])
    .orderBy('answer_id')
    .limit(limit)
    .execute();
}

/**
 * True where QbitPay named the object in an answer to this request; not, however, where it carries the id of another payout's
 * request that was not accepted yet: it may be that one's.
 */
export async function isNamedInAnswer(
  db: StoreDatabase,
  { operation, externalOrderId }: ProviderRequestId,
  providerId: string,
): Promise<boolean> {
  const row = await db
    .selectFrom('provider_answers')
    .select('answer_id')
    .where('operation', '=', operation)
    .where('external_order_id', '=', externalOrderId)
    .where('provider_id', '=', providerId)
    .where(
      sql<boolean>`not exists (select from provider_requests own join provider_requests other on other.payout_id <> own.payout_id
        where own.operation = ${operation} and own.external_order_id = ${externalOrderId} and other.operation = own.operation
          and other.external_order_id = named_external_order_id and other.state <> ${REQUEST_STATE.ACCEPTED})`,
    )
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * True where what an answer names cannot have come from this sending: its object is another request's; or, where it does not
 * carry the id of this one, that id is another request's, or the object was there before the request left.
 */
export async function isKnownElsewhere(
  db: StoreDatabase,
  id: ProviderRequestId,
  { providerId, externalOrderId }: { readonly providerId: string; readonly externalOrderId: string | null },
): Promise<boolean> {
  const { table, providerId: column } = REQUEST_KIND[id.operation];
  const isOthers = sql<boolean>`exists (select from ${sql.table(table)} known where known.${sql.ref(column)} = ${providerId}
    and known.external_order_id <> ${id.externalOrderId})`;
  const row = await db
    .selectFrom('provider_requests')
    .select('external_order_id')
    .where(isOf(id))
    .where((eb) =>
      externalOrderId === id.externalOrderId
        ? isOthers
        : eb.or([
            isOthers,
            sql<boolean>`exists (select from provider_requests other where other.external_order_id = ${externalOrderId}::text)`,
            sql<boolean>`exists (select from provider_objects shown where shown.kind = ${id.operation}
              and shown.provider_id = ${providerId} and shown.first_seen_at < provider_requests.last_sent_at)`,
          ]),
    )
    .executeTakeFirst();
  return row !== undefined;
}
