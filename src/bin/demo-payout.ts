import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PROJECT_ROOT } from './project-files.js';
import { StartError } from './main.js';

/** Where the demo goes: the engine's API and the simulator, never a provider with real money. */
export interface DemoTargets {
  readonly apiUrl: string;
  /** Undefined when the API asks for none. */
  readonly apiKey: string | undefined;
  readonly simulatorUrl: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

interface Deposit {
  readonly currency: string;
  readonly network: string;
  readonly address: string;
  readonly amount: string;
}

interface DemoPayout {
  readonly status: string;
  readonly amount: string;
  readonly currency: string;
  readonly holdReason?: string | null;
  readonly failure?: { readonly message: string } | null;
  readonly deposit: Deposit | null;
  readonly timeline: readonly { readonly status: string; readonly at: string; readonly detail: string }[];
}

const EXAMPLE = join(PROJECT_ROOT, 'examples', 'payout.json');
const TIMEOUT_MS = 120_000;
const POLL_MS = 150;
const ENDS = ['paid', 'failed', 'cancelled', 'expired', 'rejected', 'returned', 'held'];

/**
 * Sends the payout of examples/payout.json, deposits in the simulator what the answer asks for, and prints the
 * timeline as it happens.
 * @throws StartError with the reason when it does not come to be paid
 */
export async function runDemoPayout(targets: DemoTargets): Promise<void> {
  const { say } = targets;
  const example = JSON.parse(await readFile(EXAMPLE, 'utf8')) as { payoutId: string };
  // The same id would answer with the payout of the last start.
  const payoutId = `${example.payoutId}-${new Date().toISOString().replaceAll(/\D/g, '').slice(0, 17)}`;
  const { deposit, amount, currency } = await openPayout(targets, { ...example, payoutId });
  say(`Payout ${payoutId} of ${amount} ${currency}`);
  say(`  asks for ${deposit.amount} ${deposit.currency} (${deposit.network}) at ${deposit.address}`);
  await depositInSimulator(targets, deposit);
  say(`  deposited in the simulator; its timeline:`);
  const payout = await followTimeline(targets, payoutId);
  if (payout.status !== 'paid') {
    const reason = payout.holdReason ?? payout.failure?.message ?? 'no reason given';
    throw new StartError(`the demo payout is ${payout.status}: ${reason}`);
  }
}

/** A first start may be slow: the API then says that the payout is opening, and to ask again. */
async function openPayout(targets: DemoTargets, body: object) {
  return poll(targets.signal, 'the demo payout did not open', async () => {
    const payout = await callApi(targets, 'POST', '/v1/payouts', body);
    const { deposit } = payout;
    return deposit === null ? undefined : { ...payout, deposit };
  });
}

async function followTimeline(targets: DemoTargets, payoutId: string): Promise<DemoPayout> {
  let printed = 0;
  return poll(targets.signal, `the demo payout ${payoutId} was not paid`, async () => {
    const payout = await callApi(targets, 'GET', `/v1/payouts/${payoutId}`);
    for (const entry of payout.timeline.slice(printed)) {
      targets.say(`  ${entry.at}  ${entry.status.padEnd(16)} ${entry.detail}`);
    }
    printed = payout.timeline.length;
    return ENDS.includes(payout.status) ? payout : undefined;
  });
}

async function poll<T>(signal: AbortSignal, problem: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + TIMEOUT_MS; Date.now() < deadline;) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(POLL_MS, undefined, { signal });
  }
  throw new StartError(`${problem} within ${TIMEOUT_MS / 1_000} s`);
}

async function depositInSimulator(
  { simulatorUrl, signal }: DemoTargets,
  { currency, amount }: Deposit,
): Promise<void> {
  const body = JSON.stringify({ currency, amount });
  await call(`${simulatorUrl}/_simulator/deposits`, { method: 'POST', headers: JSON_CONTENT, body, signal });
}

async function callApi(
  { apiUrl, apiKey, signal }: DemoTargets,
  method: 'GET' | 'POST',
  path: string,
  content?: object,
): Promise<DemoPayout> {
  const headers = {
    ...(content && JSON_CONTENT),
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  const body = content === undefined ? null : JSON.stringify(content);
  const response = await call(`${apiUrl}${path}`, { method, headers, body, signal });
  return (await response.json()) as DemoPayout;
}

const JSON_CONTENT = { 'content-type': 'application/json' };

async function call(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (response.ok) return response;
  throw new StartError(`${init.method ?? ''} ${url} answered ${response.status}: ${await response.text()}`);
}
