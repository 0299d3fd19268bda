import { parse } from 'lossless-json';
import type { TestEngine } from './engine.js';
import type { Json } from './engine-client.js';

/** The simulated provider as a test sees it, with every number as the text that stood on the wire. */

/** Bodies of the requests that came in at an endpoint, such as `POST /api/v1/orders`, oldest first. */
export async function bodiesSentTo(engine: TestEngine, endpoint: string, payoutId?: string): Promise<Json[]> {
  const query = new URLSearchParams({ endpoint, limit: '1000' });
  const { data } = await readExactly(engine, `/_simulator/journal?${query.toString()}`);
  const bodies = data.map((entry: Json) => entry.body);
  return payoutId === undefined
    ? bodies
    : bodies.filter(({ externalOrderId }: Json) => externalOrderId === payoutId);
}

/** What is available in the account now, by currency. */
export async function availableBalances(engine: TestEngine): Promise<Record<string, string>> {
  const { balances } = await readExactly(engine, '/_simulator/state');
  return Object.fromEntries(
    balances.map(({ currency, available }: Json) => [currency, available] as const),
  ) as Record<string, string>;
}

async function readExactly(engine: TestEngine, path: string): Promise<Json> {
  const response = await fetch(`${engine.env['QBITPAY_BASE_URL'] ?? ''}${path}`);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return parse(await response.text(), undefined, (digits) => digits);
}
