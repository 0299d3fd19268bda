import { CURRENCY_PATTERN } from '../domain/money.js';
import { exactNumber } from './exact-json.js';
import { badRequest } from './provider-error.js';
import type { SettingsRecord } from './records.js';
import type { RequestFields } from './request-fields.js';
import type { Settings } from './settings.js';

/** The longest time a setting takes, in milliseconds: 20 days, within what one timer can wait. */
const MAX_MS = 20 * 86_400_000;
/** 15 minutes times this stay within one timer too. */
const MAX_TIME_SCALE = 1000;
const SYMBOL_PATTERN = /^[A-Z][A-Z0-9]{1,9}\/[A-Z][A-Z0-9]{1,9}$/;
const RATE_NAMES = ['payout', 'pay', 'withdrawToken', 'trade'] as const;

type Changes = { -readonly [Name in keyof SettingsRecord]?: SettingsRecord[Name] };

/** Reads the settings that a control call changes; latency has a call of its own. */
export function readSettings(fields: RequestFields): { apiKey: string | undefined; changes: Changes } {
  const apiKey = fields.optionalText('apiKey');
  const changes: Changes = {};
  set(changes, 'feeSide', fields.optionalChoice('feeSide', ['added', 'deducted']));
  set(changes, 'webhookUrl', readWebhookUrl(fields));
  set(changes, 'webhookAlgorithm', fields.optionalChoice('webhookAlgorithm', ['md5', 'hmac-sha256']));
  set(changes, 'livemode', fields.optionalBoolean('livemode'));
  set(changes, 'settlement', fields.optionalChoice('settlement', ['automatic', 'manual']));
  set(changes, 'settleAfterMs', fields.optionalInteger('settleAfterMs', 0, MAX_MS));
  set(changes, 'webhookTimeScale', readTimeScale(fields));
  set(changes, 'webhookRetries', fields.optionalInteger('webhookRetries', 0, 100));
  set(changes, 'quoteValidityMs', fields.optionalInteger('quoteValidityMs', 0, MAX_MS));
  set(changes, 'visibleAfterMs', fields.optionalInteger('visibleAfterMs', 0, MAX_MS));
  set(changes, 'depositTransactions', fields.optionalChoice('depositTransactions', ['shown', 'hidden']));
  set(changes, 'payoutFee', readDecimalOrNull(fields, 'payoutFee'));
  set(changes, 'deliverLess', readDecimalOrNull(fields, 'deliverLess'));
  set(changes, 'returns', fields.optionalChoice('returns', ['immediate', 'manual']));
  set(changes, 'returnFees', fields.optionalBoolean('returnFees'));
  set(changes, 'feeRates', readFeeRates(fields.optionalObject('feeRates')));
  set(changes, 'payoutLimit', readPayoutLimit(fields.optionalObject('payoutLimit')));
  set(changes, 'wallets', readWallets(fields.optionalObjects('wallets')));
  set(changes, 'prices', readPrices(fields.optionalObjects('symbols')));
  fields.end();
  return { apiKey, changes };
}

/** The settings in force, without the API key. */
export function settingsView(settings: Settings): Record<string, unknown> {
  const { feeRates, payoutLimit, payoutFee, deliverLess, ...plain } = settings.current;
  return {
    ...plain,
    id: undefined,
    prices: undefined,
    payoutFee: payoutFee === null ? null : exactNumber(payoutFee),
    deliverLess: deliverLess === null ? null : exactNumber(deliverLess),
    feeRates: Object.fromEntries(Object.entries(feeRates).map(([name, rate]) => [name, exactNumber(rate)])),
    payoutLimit: { currency: payoutLimit.currency, min: exactNumber(payoutLimit.min) },
    symbols: symbolsView(settings),
  };
}

/** Every symbol with the prices it has now. */
export function symbolsView(settings: Settings): object[] {
  return Object.entries(settings.current.prices).map(([symbol, { bid, ask }]) => ({
    symbol,
    bid: exactNumber(bid),
    ask: exactNumber(ask),
  }));
}

function set<Name extends keyof Changes>(
  changes: Changes,
  name: Name,
  value: Changes[Name] | undefined,
): void {
  if (value !== undefined) changes[name] = value;
}

function readTimeScale(fields: RequestFields): number | undefined {
  const digits = fields.optionalDecimal('webhookTimeScale');
  if (digits === undefined) return undefined;
  if (Number(digits) <= MAX_TIME_SCALE) return Number(digits);
  throw badRequest(`webhookTimeScale must be at most ${MAX_TIME_SCALE}`, 'webhookTimeScale');
}

/** Reads a symbol with its bid and ask, as `POST /price` and the list of symbols carry it. */
export function readPrice(fields: RequestFields): SettingsRecord['prices'] {
  const symbol = fields.text('symbol');
  if (!SYMBOL_PATTERN.test(symbol)) {
    throw badRequest('symbol must be two currency codes such as USDT/CNY', 'symbol');
  }
  return { [symbol]: { bid: fields.amount('bid'), ask: fields.amount('ask') } };
}

function readPrices(list: RequestFields[] | undefined): SettingsRecord['prices'] | undefined {
  if (list === undefined) return undefined;
  const prices = list.map((fields) => {
    const price = readPrice(fields);
    fields.end();
    return price;
  });
  return Object.assign({}, ...prices) as SettingsRecord['prices'];
}

function readDecimalOrNull(fields: RequestFields, name: string): string | null | undefined {
  return fields.isNull(name) ? null : fields.optionalDecimal(name);
}

/** Null takes the URL away: events are kept from then on. */
function readWebhookUrl(fields: RequestFields): string | null | undefined {
  if (fields.isNull('webhookUrl')) return null;
  const url = fields.optionalText('webhookUrl');
  if (url === undefined) return undefined;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw badRequest('webhookUrl must be an http or https URL', 'webhookUrl');
  }
  return url;
}

function readFeeRates(fields: RequestFields | undefined): SettingsRecord['feeRates'] | undefined {
  if (fields === undefined) return undefined;
  const [payout, pay, withdrawToken, trade] = RATE_NAMES.map((name) => fields.optionalDecimal(name) ?? '0');
  fields.end();
  return { payout: payout ?? '0', pay: pay ?? '0', withdrawToken: withdrawToken ?? '0', trade: trade ?? '0' };
}

function readPayoutLimit(fields: RequestFields | undefined): SettingsRecord['payoutLimit'] | undefined {
  if (fields === undefined) return undefined;
  const limit = { currency: readCurrency(fields), min: fields.optionalDecimal('min') ?? '0' };
  fields.end();
  return limit;
}

function readWallets(list: RequestFields[] | undefined): SettingsRecord['wallets'] | undefined {
  return list?.map((fields) => {
    const wallet = { currency: readCurrency(fields), addr: fields.text('addr') };
    fields.end();
    return wallet;
  });
}

function readCurrency(fields: RequestFields): string {
  const currency = fields.text('currency');
  if (!CURRENCY_PATTERN.test(currency)) throw badRequest('currency is not a currency code', 'currency');
  return currency;
}
