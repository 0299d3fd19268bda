import { payoutRequest, type Json } from './engine-client.js';
import { CANARY_API_KEY, type TestEngine, type TestEngineOptions } from './engine.js';
import { expectBooksToBalance } from './balances.js';
import { releaseBrakes } from './brakes.js';
import { startEngineBehindProxy, type ProviderProxy } from './provider-proxy.js';
import { ScenarioPayout } from './scenario-payout.js';

/** A fault that stays until it is taken away. */
export const ALWAYS = 100_000;

/** A whole engine and its provider, for tests that read as stories: see {@link ScenarioPayout} for what happens in them. */
export interface Scenario {
  readonly engine: TestEngine;
  readonly provider: ScenarioProvider;
  /** One that nobody has asked for yet: what is to go wrong with it is said first. */
  payout(changes?: Json): ScenarioPayout;
}

/** The simulated QbitPay, and what stands between it and the engine. */
export interface ScenarioProvider {
  readonly proxy: ProviderProxy;
  /** A request to its own API, as somebody else with the same key makes it. */
  call(method: string, path: string, body?: Json): Promise<Json>;
  /** Whoever asks it for this is struck. */
  strike(kind: string, endpoint: string, more?: Json): Promise<Json>;
  /** Its settings; after each test they are as they were. */
  set(settings: Json): Promise<Json>;
  adjust(currency: string, amount: string): Promise<Json>;
  /** Changes what it answers to everybody, as {@link ProviderProxy.rewrite}. */
  rewrite: ProviderProxy['rewrite'];
  /** It is as it was: nothing is struck, changed or hidden any more. */
  heal(): Promise<void>;
}

/**
 * The engine of all tests of a file, or of a block; after each test QbitPay is as it was, the books balance, and brakes are
 * released.
 */
export function useScenario(options: TestEngineOptions | (() => Promise<TestEngineOptions>) = {}): Scenario {
  let engine: TestEngine;
  let proxy: ProviderProxy;
  beforeAll(async () => {
    const chosen = typeof options === 'function' ? await options() : options;
    ({ engine, proxy } = await startEngineBehindProxy(chosen));
  });
  // What did not start is not there to be stopped.
  afterAll(() => (engine as TestEngine | undefined)?.stop());
  afterEach(async () => {
    await scenario.provider.heal();
    await engine.control('DELETE', '/outcomes');
    await scenario.provider.set({ returns: 'immediate', returnFees: true, payoutFee: null });
    await engine.control('POST', '/price', { symbol: 'USDT/CNY', bid: '6.97', ask: '7.5' });
    await expectBooksToBalance(engine);
    await releaseBrakes(engine);
  });
  const scenario: Scenario = {
    get engine() {
      return engine;
    },
    payout: (changes = {}) => new ScenarioPayout(scenario, payoutRequest(changes)),
    provider: {
      get proxy() {
        return proxy;
      },
      call: (method, path, body) => callProvider(engine, method, path, body),
      strike: (kind, endpoint, more = {}) => engine.control('POST', '/faults', { kind, endpoint, ...more }),
      set: (settings) => engine.control('PATCH', '/settings', settings),
      adjust: (currency, amount) => engine.control('POST', '/balances/adjust', { currency, amount }),
      rewrite: (change) => proxy.rewrite(change),
      heal: async () => {
        proxy.rewrite(undefined);
        await engine.control('DELETE', '/faults');
      },
    },
  };
  return scenario;
}

async function callProvider(engine: TestEngine, method: string, path: string, body?: Json): Promise<Json> {
  const response = await fetch(`${engine.env['QBITPAY_BASE_URL'] ?? ''}${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${CANARY_API_KEY}:`).toString('base64')}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}
