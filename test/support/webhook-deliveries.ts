import { randomUUID } from 'node:crypto';
import { Client as PostgresClient } from 'pg';
import type { WebhookAlgorithm } from '../../src/qbitpay/webhook-signature.js';
import { signEvent } from '../../src/simulator/webhook-signer.js';
import type { Answer, Json } from './engine-client.js';
import { CANARY_API_KEY, type TestEngine } from './engine.js';

/** QbitPay's events as a test sends them, and what the store has of them. */

export interface Signing {
  readonly key?: string;
  readonly algorithm?: WebhookAlgorithm;
  /** Instead of the right one; null for none. */
  readonly signature?: string | null;
}

export function newEvent(type: string, data: Json, changes: Json = {}): Json {
  const createdAt = new Date().toISOString();
  return {
    id: randomUUID(),
    type,
    createdAt,
    object: 'event',
    pendingWebhooks: 0,
    livemode: true,
    data,
    ...changes,
  };
}

export function paidEvent(payoutId: string, providerPayoutId: string): Json {
  const data = { id: providerPayoutId, object: 'payout', status: 'paid', externalOrderId: payoutId };
  return newEvent('payout.paid', data);
}

/** An event that is a text is sent, and signed, as it is. */
export async function deliver(engine: TestEngine, event: Json, signing: Signing = {}): Promise<Answer> {
  const body = typeof event === 'string' ? event : JSON.stringify(event);
  const { key = CANARY_API_KEY, algorithm = 'md5' } = signing;
  const signature =
    signing.signature === undefined ? signEvent(JSON.parse(body), key, algorithm) : signing.signature;
  const headers: Record<string, string> = signature === null ? {} : { 'QbitPay-Signature': signature };
  return engine.api('POST', '/webhooks/qbitpay', body, headers);
}

/** By a connection of its own each time: a test may cut them all. */
export async function query(url: string, sql: string, values: unknown[] = []): Promise<Json[]> {
  const client = new PostgresClient({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** Every content that was stored under the event's id, in the order received. */
export const storedAs = ({ databaseUrl }: TestEngine, event: Json): Promise<Json[]> =>
  query(databaseUrl, 'select * from webhook_inbox where webhook_event_id = $1 order by received_at', [
    event.id,
  ]);

export const stored = async (engine: TestEngine, event: Json): Promise<Json> =>
  (await storedAs(engine, event))[0];
