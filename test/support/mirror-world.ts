import { runSync, type SyncParts } from '../../activities/provider/sync-run.js';
import { createStaticApiKey } from '../../src/qbitpay/api-key.js';
import { createQbitPayClient, type QbitPayClient } from '../../src/qbitpay/client.js';
import { startSimulator, type Simulator } from '../../src/simulator/server.js';
import { CANARY_API_KEY } from './engine.js';
import { createEngineClient, type EngineClient, type Json } from './engine-client.js';
import { startProviderProxy, type ProviderProxy } from './provider-proxy.js';
import { takeSync } from './sync-parts.js';
import { openTestStore, type TestStore } from './test-store.js';

/** A mirror, and a QbitPay of its own for each test: by real HTTP, into a real database, sync by sync. */

let simulator: Simulator;
export let control: EngineClient['control'];
let proxy: ProviderProxy;
let closeProxy: () => void;
export let qbitpay: QbitPayClient;
export let testStore: TestStore;
/** Every request that reached QbitPay, as `GET /path?query`; emptied by {@link forgetRequests}. */
export let requests: string[];

export function forgetRequests(): void {
  requests = [];
}

export function useMirror(): void {
  beforeEach(async () => {
    simulator = await startSimulator({ apiKey: CANARY_API_KEY });
    ({ control } = createEngineClient('http://127.0.0.1:1', simulator.url));
    await control('PATCH', '/settings', {
      settlement: 'manual',
      payoutLimit: { currency: 'USDT', min: '1' },
    });
    const started = await startProviderProxy(Number(new URL(simulator.url).port));
    ({ proxy, close: closeProxy } = started);
    requests = [];
    show((_request, body) => body);
    qbitpay = createQbitPayClient({ baseUrl: started.url, apiKey: createStaticApiKey(CANARY_API_KEY) });
    testStore = await openTestStore();
  });
  afterEach(async () => {
    await testStore.close();
    qbitpay.close();
    closeProxy();
    await simulator.close();
  });
}

/** QbitPay's answers are changed like this. */
export function show(change: (request: string, body: Json) => Json): void {
  proxy.rewrite((request, body) => {
    requests.push(request);
    return change(request, body);
  });
}

export const ofList = (path: string, change: (data: Json[], query: URLSearchParams) => Json[]) =>
  show((request, body) => {
    const url = new URL(request.slice(4), 'http://provider');
    if (url.pathname !== path || body?.object !== 'list') return body;
    return { ...body, data: change(body.data, url.searchParams) };
  });

export async function reader({ overlapSeconds = 0, intervalMs = 0 } = {}): Promise<SyncParts> {
  return takeSync(testStore.store, qbitpay, { intervalMs, overlapSeconds });
}

export async function fund(amount: string): Promise<void> {
  await control('POST', '/balances/adjust', { currency: 'USDT', amount });
}

export async function payAtProvider(externalOrderId?: string): Promise<string> {
  const destination = {
    type: 'wallet',
    payerName: 'Example Ltd',
    addr: 'TExampleWalletAddress12345',
  } as const;
  const { id } = await qbitpay.createPayout({ amount: '10', currency: 'USDT', destination, externalOrderId });
  return id;
}

export async function payMany(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) ids.push(await payAtProvider(`many-${index}`));
  return ids;
}

export const inMirror = async (kind = 'payout'): Promise<Json[]> =>
  (await testStore.sql.query('select * from provider_objects where kind = $1', [kind])).rows;
export const problemOf = async (kind: string): Promise<string | null> =>
  (await testStore.sql.query('select problem from provider_lists where kind = $1', [kind])).rows[0].problem;
export const isComplete = async (parts: SyncParts): Promise<boolean> => (await runSync(parts)).isComplete;
