import {
  choice,
  currencyCode,
  type Fields,
  flag,
  httpUrl,
  integer,
  listOf,
  looseAmount,
  looseDecimal,
} from './fields.js';
import { object, optional, text, withDefault } from './fields.js';
import { z } from 'zod';

/** The longest time a setting takes, in milliseconds: 20 days, within what one timer can wait. */
const MAX_MS = 20 * 86_400_000;
const SYMBOL_RULE = 'must be two currency codes such as USDT/CNY';
const rate = withDefault(looseDecimal, '0');

export const priceFields = {
  symbol: z.string({ error: 'is required' }).regex(/^[A-Z][A-Z0-9]{1,9}\/[A-Z][A-Z0-9]{1,9}$/, SYMBOL_RULE),
  bid: looseAmount,
  ask: looseAmount,
};

/** What a control call may set; docs/simulator.md says what each means. Latency has a call of its own. */
export const settingsFields = {
  feeSide: optional(choice(['added', 'deducted'])),
  webhookUrl: httpUrl.nullish(),
  webhookAlgorithm: optional(choice(['md5', 'hmac-sha256'])),
  livemode: optional(flag),
  settlement: optional(choice(['automatic', 'manual'])),
  settleAfterMs: optional(integer(0, MAX_MS)),
  // 15 minutes times this stay within one timer too.
  webhookTimeScale: optional(
    looseDecimal.transform(Number).refine((scale) => scale <= 1000, 'must be at most 1000'),
  ),
  webhookRetries: optional(integer(0, 100)),
  quoteValidityMs: optional(integer(0, MAX_MS)),
  visibleAfterMs: optional(integer(0, MAX_MS)),
  depositTransactions: optional(choice(['shown', 'hidden'])),
  payoutFee: looseDecimal.nullish(),
  deliverLess: looseDecimal.nullish(),
  returns: optional(choice(['immediate', 'manual'])),
  returnFees: optional(flag),
  feeRates: optional(object({ payout: rate, pay: rate, withdrawToken: rate, trade: rate })),
  payoutLimit: optional(object({ currency: currencyCode, min: rate })),
  wallets: optional(listOf({ currency: currencyCode, addr: text })),
  symbols: optional(listOf(priceFields)),
};

type Changes = Fields<typeof settingsFields>;
/** Amounts and prices are decimal strings, times milliseconds. */
export type Settings = { readonly [Name in keyof Changes]-?: Exclude<Changes[Name], undefined> } & {
  readonly latencyMs: number;
  readonly latencyByEndpoint: Readonly<Record<string, number>>;
};

/** The account of the contract's example, and prices near it. */
export const DEFAULT_SETTINGS: Settings = {
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
  symbols: [{ symbol: 'USDT/CNY', bid: '6.97', ask: '6.99' }],
};

/** The currencies the account holds a balance in: those of its wallets and of its symbols. */
export function heldCurrencies({ wallets, symbols }: Settings): string[] {
  const legs = symbols.flatMap(({ symbol }) => symbol.split('/'));
  return [...new Set([...wallets.map(({ currency }) => currency), ...legs])];
}
