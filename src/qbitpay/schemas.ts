import { z } from 'zod';
import { accountEndingOf } from '../domain/destination.js';
import { MAX_DECIMAL_LENGTH, PLAIN_DECIMAL_PATTERN } from './decimal-json.js';
import { describeIssues } from './errors.js';
import {
  ORDER_STATUS_WORDS,
  PAYOUT_STATUS_WORDS,
  printableWord,
  TRANSACTION_STATUS_WORDS,
  TRANSACTION_TYPE_WORDS,
} from './wire-words.js';

/**
 * The provider's objects: what decisions and bookings rest on, required where the contract is sure of it. Every other
 * member is kept as it came, numbers as decimal strings. Amounts are decimal strings with the digits of the wire, timestamps without
 * another word are ISO 8601. A `status` is one of our words; `statusText` is QbitPay's, for messages.
 */

/** A decimal of the wire, whatever its digits. */
export const decimal = z.string().max(MAX_DECIMAL_LENGTH).regex(PLAIN_DECIMAL_PATTERN);
const id = z.string().min(1);
const text = z.string();
/** Codes are compared by their letters: `usdt` is no currency of its own. */
const currency = text.transform((code) => code.toUpperCase());
/** ISO 8601 in UTC. [I] A time without a zone is UTC: JavaScript would take it for local time. */
const time = z.string().transform((value, context) => {
  const hasZone = /(?:Z|[+-]\d{2}:?\d{2})$/i.test(value);
  const at = new Date(hasZone ? value : `${value}Z`);
  if (!Number.isNaN(at.getTime())) return at.toISOString();
  context.addIssue({ code: 'custom', message: 'not a time' });
  return z.NEVER;
});

/** A member that may be missing or null. */
const optional = <T extends z.ZodType>(schema: T) =>
  schema
    .nullish()
    .transform((value) => value ?? undefined)
    .optional();

/**
 * Contract, section Accounts. One wallet per currency; which network an address belongs to is not said by
 * the provider and is a setting elsewhere [I].
 */
export const accountSchema = z.looseObject({
  feeRates: z.looseObject({
    payout: optional(decimal),
    trade: optional(decimal),
  }),
  limit: z.looseObject({
    payout: optional(z.looseObject({ currency, min: optional(decimal), max: optional(decimal) })),
  }),
  wallets: z.array(z.looseObject({ currency, addr: z.string().min(1) })),
});
export type Account = z.infer<typeof accountSchema>;

/** Contract, section Balances; `pending` cannot be paid out. */
export const balanceSchema = z.looseObject({
  id: optional(id),
  currency,
  available: decimal,
  pending: decimal,
});
export type Balance = z.infer<typeof balanceSchema>;

/**
 * Contract, section Balance transactions: `amount` excludes the fee, `net` includes it, `source` is the id
 * of the object that moved the balance. [I] There may be further types, whose word is kept in `typeText`, and what
 * only the documented types are sure to carry is optional.
 */
export const balanceTransactionSchema = z
  .looseObject({
    id,
    currency,
    amount: decimal,
    type: text,
    status: text,
    createdAt: time,
    source: optional(text),
    description: optional(text),
    fee: optional(decimal),
    net: optional(decimal),
  })
  .transform((transaction) => {
    const type = TRANSACTION_TYPE_WORDS.fromWire(transaction.type);
    const status = TRANSACTION_STATUS_WORDS.fromWire(transaction.status);
    return { ...transaction, type, typeText: printableWord(transaction.type), status };
  });
export type BalanceTransaction = z.infer<typeof balanceTransactionSchema>;

/** `ask` is the price to a buyer, `bid` to a seller (contract, section Markets). */
export const TICKER_SIDE = { ASK: 'ask', BID: 'bid' } as const;
export type TickerSide = (typeof TICKER_SIDE)[keyof typeof TICKER_SIDE];

/** An answer for another pair or side than the one asked for is refused: it would price the wrong money. */
export function tickerSchema(symbol: string, side: TickerSide) {
  return z
    .looseObject({
      symbol: z.literal(symbol),
      /** Unix time in milliseconds; the price is good for 30 s from then. */
      timestamp: z.string().regex(/^\d{1,15}$/),
      ask: side === TICKER_SIDE.ASK ? decimal : z.unknown().optional(),
      bid: side === TICKER_SIDE.BID ? decimal : z.unknown().optional(),
    })
    .transform((ticker) => {
      return { symbol, timestamp: Number(ticker.timestamp), side, price: String(ticker[side]) };
    });
}

export const ORDER_SIDE = { BUY: 'buy', SELL: 'sell' } as const;
export type OrderSide = (typeof ORDER_SIDE)[keyof typeof ORDER_SIDE];

/**
 * [I] The provider published no reference page for orders: this shape, the words of its status and the path
 * in the client are inferred from its other objects (contract, section Orders).
 */
export const orderSchema = z
  .looseObject({
    id,
    symbol: text,
    side: text,
    /** In the base currency of the symbol. */
    amount: decimal,
    status: text,
    createdAt: optional(time),
    price: optional(decimal),
    /** What the order moved in the quote currency, before the fee. */
    quoteAmount: optional(decimal),
    fee: optional(decimal),
    externalOrderId: optional(text),
  })
  .transform((order) => {
    const status = ORDER_STATUS_WORDS.fromWire(order.status);
    return { ...order, status, statusText: printableWord(order.status) };
  });
export type Order = z.infer<typeof orderSchema>;

/**
 * Contract, section Payouts. `amount` and `fee` are what was really taken; `arrivalDate` is evidence of
 * nothing. `trade` is kept as it came: [I] its presence means that the provider converted by itself.
 * `destination` is personal data: what tells its account from others is kept apart from it.
 */
export const payoutSchema = z
  .looseObject({
    id,
    createdAt: time,
    amount: decimal,
    fee: decimal,
    currency,
    status: text,
    description: optional(text),
    externalOrderId: optional(text),
    trade: z.unknown().optional(),
    destination: z
      .looseObject({ bankAccountNum: optional(text), addr: optional(text) })
      .optional()
      .catch(undefined),
  })
  .transform((payout) => {
    const status = PAYOUT_STATUS_WORDS.fromWire(payout.status);
    const accountEnding = accountEndingOf(payout.destination ?? {});
    return { ...payout, status, statusText: printableWord(payout.status), accountEnding };
  });
export type Payout = z.infer<typeof payoutSchema>;

/** Contract, section Lists. */
export function listSchema<T extends z.ZodType>(item: T) {
  return z.looseObject({ object: z.literal('list'), data: z.array(item) }).transform((list) => list.data);
}

/** What a list shows in one of its places. */
export type ListedItem<T> = { readonly kind: 'readable'; readonly object: T } | UnreadableItem;

/** Not what the contract describes: one bad object must not stand in the way of the others. */
export interface UnreadableItem {
  readonly kind: 'unreadable';
  readonly id: string | undefined;
  readonly externalOrderId: string | undefined;
  /** Paths of what cannot be read. */
  readonly problem: string;
  readonly raw: unknown;
}

const namedSchema = z.looseObject({
  id: id.optional().catch(undefined),
  externalOrderId: text.optional().catch(undefined),
});

/** One place of a list, whatever is in it. */
export function listedItemSchema<T>(schema: z.ZodType<T>) {
  return z.unknown().transform((raw): ListedItem<T> => {
    const parsed = schema.safeParse(raw);
    if (parsed.success) return { kind: 'readable', object: parsed.data };
    const named = namedSchema.safeParse(raw).data;
    const problem = describeIssues(parsed.error);
    return { kind: 'unreadable', id: named?.id, externalOrderId: named?.externalOrderId, problem, raw };
  });
}

/** [I] One balance object, or a list of them where an account holds several currencies: both are accepted. */
export const balancesSchema = z.unknown().transform((body, context): Balance[] => {
  const isList = z.looseObject({ object: z.literal('list') }).safeParse(body).success;
  const parsed = isList
    ? listSchema(balanceSchema).safeParse(body)
    : balanceSchema.transform((balance) => [balance]).safeParse(body);
  if (parsed.success) return parsed.data;
  for (const { path } of parsed.error.issues) context.addIssue({ code: 'custom', path });
  return z.NEVER;
});
