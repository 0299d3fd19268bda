import type { SettingsRecord } from './records.js';
import type { SimulatorState } from './simulator-state.js';

/** The account of the contract's example, and prices near it. */
const DEFAULT_SETTINGS: SettingsRecord = {
  id: 'settings',
  feeSide: 'added',
  webhookUrl: null,
  webhookAlgorithm: 'md5',
  livemode: true,
  settlement: 'automatic',
  settleAfterMs: 1500,
  webhookTimeScale: 1,
  webhookRetries: 5,
  quoteValidityMs: 30_000,
  visibleAfterMs: 0,
  depositTransactions: 'shown',
  latencyMs: 0,
  latencyByEndpoint: {},
  payoutFee: null,
  deliverLess: null,
  returns: 'immediate',
  returnFees: true,
  feeRates: { payout: '0.005', pay: '0', withdrawToken: '0', trade: '0' },
  payoutLimit: { currency: 'USDT', min: '200' },
  wallets: [{ currency: 'USDT', addr: '0x31C27642169B61ceD340Ba99643CC3EAd729321F' }],
  prices: { 'USDT/CNY': { bid: '6.97', ask: '6.99' } },
};

/** What the options of a start may set; a given option wins over what an earlier run left. */
export type StartSettings = Partial<
  Pick<
    SettingsRecord,
    'feeSide' | 'webhookUrl' | 'webhookAlgorithm' | 'livemode' | 'settleAfterMs' | 'webhookTimeScale'
  >
>;

/**
 * The settings in force. The API key is kept beside them in memory only: it is a secret, never written to the
 * state, so a key rotated by a control call lasts until the process ends.
 */
export class Settings {
  apiKey: string;
  readonly #state: SimulatorState;

  constructor(state: SimulatorState, apiKey: string, start: StartSettings) {
    this.#state = state;
    this.apiKey = apiKey;
    const before = state.settings.get('settings');
    state.settings.put({ ...DEFAULT_SETTINGS, ...before, ...start });
  }

  get current(): SettingsRecord {
    return this.#state.settings.get('settings') ?? DEFAULT_SETTINGS;
  }

  change(changes: Partial<SettingsRecord>): SettingsRecord {
    return this.#state.settings.put({ ...this.current, ...changes, id: 'settings' });
  }

  /** The currencies the account holds a balance in: those of its wallets and of its symbols. */
  currencies(): string[] {
    const { wallets, prices } = this.current;
    const legs = Object.keys(prices).flatMap((symbol) => symbol.split('/'));
    return [...new Set([...wallets.map((wallet) => wallet.currency), ...legs])];
  }
}
