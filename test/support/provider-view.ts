import { parse } from 'lossless-json';
import { addAmounts } from '../../src/domain/money.js';
import type { TestEngine } from './engine.js';
import type { Json } from './engine-client.js';
import { readJournal } from './provider-requests.js';

/** The simulated provider as a test sees it: every number as a decimal text, exact and without trailing zeros. */

/** Bodies of the requests that came in at an endpoint, such as `POST /api/v1/orders`, oldest first. */
export async function bodiesSentTo(engine: TestEngine, endpoint: string, payoutId?: string): Promise<Json[]> {
  const bodies = (await journalOf(engine, endpoint)).map(({ body }) => body);
  return payoutId === undefined
    ? bodies
    : bodies.filter(({ externalOrderId }: Json) => externalOrderId === payoutId);
}

/** How many payouts the provider made for this one; a request that it refused made none. */
export async function countPayoutsMade(engine: TestEngine, payoutId: string): Promise<number> {
  const entries = await journalOf(engine, 'POST /api/v1/payouts');
  return entries
    .filter(({ body }) => body.externalOrderId === payoutId)
    .flatMap(({ effects }: { readonly effects: readonly string[] }) => effects).length;
}

const journalOf = (engine: TestEngine, endpoint: string): Promise<Json[]> =>
  readJournal((path) => readExactly(engine, path), endpoint);

/** What is available in the account now, by currency. */
export async function availableBalances(engine: TestEngine): Promise<Record<string, string>> {
  const { balances } = await readExactly(engine, '/state');
  return Object.fromEntries(balances.map(({ currency, available }: Json) => [currency, available] as const));
}

async function readExactly(engine: TestEngine, path: string): Promise<Json> {
  const response = await fetch(`${engine.env['QBITPAY_BASE_URL'] ?? ''}/_simulator${path}`);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return parse(await response.text(), undefined, (digits) => addAmounts(digits));
}
