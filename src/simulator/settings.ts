import { z } from 'zod';
import * as fields from './fields.js';
import { choice, currencyCode, flag, integer, looseDecimal, text, withDefault } from './fields.js';

/** 20 days in milliseconds: as 1000 times 15 minutes, it is within what one timer can wait. */
const MAX_MS = 20 * 86_400_000;
const SYMBOL_RULE = 'must be two currency codes such as USDT/CNY';
const rate = withDefault(looseDecimal, '0');

export const priceFields = {
  symbol: text.regex(/^[A-Z][A-Z0-9]{1,9}\/[A-Z][A-Z0-9]{1,9}$/, SYMBOL_RULE),
  bid: fields.looseAmount,
  ask: fields.looseAmount,
};

/**
 * Every setting: what it may be, and what it is at first, which is the account of the contract's example. Amounts and
 * prices are decimal strings, times milliseconds; docs/simulator.md says what each means.
 */
const SETTINGS = {
  feeSide: setting(choice(['added', 'deducted']), 'added'),
  webhookUrl: setting(fields.httpUrl.nullable(), null),
  webhookAlgorithm: setting(choice(['md5', 'hmac-sha256']), 'md5'),
  livemode: setting(flag, true),
  settlement: setting(choice(['automatic', 'manual']), 'automatic'),
  settleAfterMs: setting(integer(0, MAX_MS), 1500),
  webhookTimeScale: setting(
    looseDecimal.transform(Number).refine((scale) => scale <= 1000, 'must be at most 1000'),
    1,
  ),
  webhookRetries: setting(integer(0, 100), 5),
  quoteValidityMs: setting(integer(0, MAX_MS), 30_000),
  visibleAfterMs: setting(integer(0, MAX_MS), 0),
  pageSize: setting(integer(1, 100), 100),
  paging: setting(choice(['byId', 'byOffset']), 'byId'),
  clockOffsetMs: setting(integer(-MAX_MS, MAX_MS), 0),
  timeFormat: setting(choice(['utc', 'localWithoutZone']), 'utc'),
  depositTransactions: setting(choice(['shown', 'hidden']), 'shown'),
  payoutFee: setting(fields.exactDecimal.nullable(), null),
  deliverLess: setting(fields.exactDecimal.nullable(), null),
  externalOrderIds: setting(
    choice(['kept', 'dropped', 'cut', 'lowerCase', 'prefixed', 'underscored']),
    'kept',
  ),
  returns: setting(choice(['immediate', 'manual']), 'immediate'),
  returnFees: setting(flag, true),
  feeRates: setting(fields.object({ payout: rate, pay: rate, withdrawToken: rate, trade: rate }), {
    payout: '0.005',
    pay: '0',
    withdrawToken: '0',
    trade: '0',
  }),
  payoutLimit: setting(fields.object({ currency: currencyCode, min: rate }), {
    currency: 'USDT',
    min: '200',
  }),
  wallets: setting(fields.listOf({ currency: currencyCode, addr: text }), [
    { currency: 'USDT', addr: '0x31C27642169B61ceD340Ba99643CC3EAd729321F' },
  ]),
  symbols: setting(fields.listOf(priceFields), [{ symbol: 'USDT/CNY', bid: '6.97', ask: '6.99' }]),
  latencyMs: setting(integer(0, MAX_MS), 0),
  latencyByEndpoint: setting(z.record(z.string(), integer(0, MAX_MS)), {}),
};
type Table = typeof SETTINGS;

export type Settings = { readonly [Name in keyof Table]: z.output<Table[Name]['schema']> };

export const INITIAL_SETTINGS = mapSettings(({ initial }) => initial) as Settings;

/** What a control call may set: null counts as not given, unless it is one of the values. */
export const settingsFields = mapSettings(({ schema }) =>
  schema instanceof z.ZodNullable ? schema.optional() : fields.optional(schema),
) as { readonly [Name in keyof Table]: z.ZodType<Settings[Name] | undefined> };

const ALTERATIONS: Readonly<Record<Settings['externalOrderIds'], (id: string) => string | undefined>> = {
  kept: (id) => id,
  dropped: () => undefined,
  cut: (id) => id.slice(0, 20),
  lowerCase: (id) => id.toLowerCase(),
  prefixed: (id) => `qp-${id}`,
  underscored: (id) => id.replaceAll(/[.-]/g, '_'),
};

/** Under which `externalOrderId` a new object is kept, and shown. */
export function keptId({ externalOrderIds }: Settings, id: string | undefined): string | undefined {
  return id === undefined ? undefined : ALTERATIONS[externalOrderIds](id);
}

/** The currencies the account holds a balance in: those of its wallets and of its symbols. */
export function heldCurrencies({ wallets, symbols }: Settings): string[] {
  const legs = symbols.flatMap(({ symbol }) => symbol.split('/'));
  return [...new Set([...wallets.map(({ currency }) => currency), ...legs])];
}

function setting<S extends z.ZodType>(schema: S, initial: z.output<S>) {
  return { schema, initial };
}

function mapSettings(toValue: (setting: Table[keyof Table]) => unknown): object {
  return Object.fromEntries(Object.entries(SETTINGS).map(([name, one]) => [name, toValue(one)]));
}
