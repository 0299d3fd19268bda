import type { Destination } from '../domain/destination.js';
import type {
  BalanceTransactionStatus,
  BalanceTransactionType,
  ProviderPayoutStatus,
} from '../domain/provider-status.js';
import { REQUEST_REASON } from '../domain/request-reason.js';
import { createAccountCheck, type AccountCheck } from './account-check.js';
import { jsonNumber } from './decimal-json.js';
import { call, createResource } from './resource.js';
import {
  accountSchema,
  balancesSchema,
  balanceTransactionSchema,
  orderSchema,
  payoutSchema,
  tickerSchema,
  type Account,
  type BalanceTransaction,
  type Order,
  type OrderSide,
  type Payout,
  type TickerSide,
} from './schemas.js';
import {
  createTransport,
  type Transport,
  type TransportOptions,
  type TransportRequest,
} from './transport.js';
import { PAYOUT_STATUS_WORDS, TRANSACTION_STATUS_WORDS, TRANSACTION_TYPE_WORDS } from './wire-words.js';

interface BalanceTransactionFilter {
  readonly type?: Exclude<BalanceTransactionType, 'other'> | undefined;
  readonly status?: Exclude<BalanceTransactionStatus, 'unknown'> | undefined;
}

export interface NewOrder extends Pick<TransportRequest, 'decidedAt' | 'latestAtMs'> {
  /** Base and quote currency: `USDT/CNY`. */
  readonly symbol: string;
  readonly side: OrderSide;
  /** Decimal, in the base currency. */
  readonly amount: string;
  /** Decimal: the quoted ticker price that is accepted. */
  readonly price?: string | undefined;
  readonly externalOrderId?: string | undefined;
}

export interface NewPayout extends Pick<TransportRequest, 'decidedAt'> {
  /** Decimal, in `currency`. Whether the fee comes on top is not the client's business [I]. */
  readonly amount: string;
  readonly currency: string;
  readonly destination: Destination;
  readonly description?: string | undefined;
  readonly externalOrderId?: string | undefined;
}

/** The provider has no filter on `externalOrderId` (contract, section Payouts). */
interface PayoutFilter {
  readonly status?: Exclude<ProviderPayoutStatus, 'unknown'> | undefined;
}

interface OrderFilter {
  readonly externalOrderId?: string | undefined;
}

/**
 * The contract as typed calls. Amounts are decimal strings both ways, digit for digit. Every call throws a
 * `QbitPayError` for whatever the exchange with the provider brings, and a RangeError, before anything is
 * sent, for an argument that cannot be asked for. Nothing is retried here; after a 401 the key is re-read.
 */
export type QbitPayClient = ReturnType<typeof createQbitPayClient>;

/** [I] Orders have no reference page. */
const ORDERS_PATH = '/api/v1/orders';
const PAYOUTS_PATH = '/api/v1/payouts';

/**
 * Whether the account is the engine's. `readPayout` comes with the first look that a key takes: whoever has the account can
 * read its payouts.
 */
export type IsOwnAccount = (
  account: Account,
  readPayout: ((id: string) => Promise<Payout>) | undefined,
) => Promise<boolean>;

export interface ClientOptions extends TransportOptions {
  /** Asked before anything else is sent with a key, and whenever the account is read. @default any account will do */
  readonly isOwnAccount?: IsOwnAccount;
}

export function createQbitPayClient({ isOwnAccount, ...options }: ClientOptions) {
  const transport = createTransport(options);
  const { send, readAccount } =
    isOwnAccount === undefined
      ? { ...transport, readAccount: () => readAccountBy(transport) }
      : checkAccount(transport, isOwnAccount);
  return {
    ...createCalls({ send }),
    /** @throws QbitPayAnotherAccountError where it is not the engine's; nothing else is asked for then, by anybody */
    getAccount: readAccount,
    /** The same calls, behind all others where the request rate is limited. */
    background: createCalls({ send: (request) => send({ ...request, reason: REQUEST_REASON.SYNC }) }),
    observed: transport.observed,
    /** Closes the connections that reads keep open. */
    close: () => transport.close(),
  };
}

type Sender = Pick<Transport, 'send'>;

function readAccountBy(sender: Sender): Promise<Account> {
  return call(sender, { operation: 'getAccount', path: '/api/v1/accounts/show' }, accountSchema);
}

function checkAccount(transport: Transport, isOwnAccount: IsOwnAccount): AccountCheck {
  return createAccountCheck(transport, async (send, isKeyNew) => {
    const account = await readAccountBy({ send });
    const readPayout = isKeyNew ? createCalls({ send }).getPayout : undefined;
    return { account, isOwn: await isOwnAccount(account, readPayout) };
  });
}

function createCalls(transport: Sender) {
  const transactions = createResource<BalanceTransaction, BalanceTransactionFilter>(transport, {
    name: 'BalanceTransaction',
    path: '/api/v1/balanceTransactions',
    schema: balanceTransactionSchema,
    toQuery: ({ type, status }) => ({
      type: type && TRANSACTION_TYPE_WORDS.toWire(type),
      status: status && TRANSACTION_STATUS_WORDS.toWire(status),
    }),
  });
  const orders = createResource<Order, OrderFilter>(transport, {
    name: 'Order',
    path: ORDERS_PATH,
    schema: orderSchema,
    toQuery: ({ externalOrderId }) => ({ externalOrderId }),
  });
  const payouts = createResource<Payout, PayoutFilter>(transport, {
    name: 'Payout',
    path: PAYOUTS_PATH,
    schema: payoutSchema,
    toQuery: ({ status }) => ({ status: status && PAYOUT_STATUS_WORDS.toWire(status) }),
  });
  return {
    listBalances: () =>
      call(transport, { operation: 'listBalances', path: '/api/v1/balances/show' }, balancesSchema),
    getTicker: ({ symbol, side }: { symbol: string; side: TickerSide }) => {
      const request = { operation: 'getTicker', path: '/api/v1/markets/ticker', query: { symbol, side } };
      return call(transport, request, tickerSchema(symbol, side));
    },
    getBalanceTransaction: transactions.getOne,
    readBalanceTransactionsPage: transactions.readPage,
    getOrder: orders.getOne,
    readOrdersPage: orders.readPage,
    async createOrder({ decidedAt, latestAtMs, ...order }: NewOrder): Promise<Order> {
      const { symbol, side, externalOrderId } = order;
      const amount = jsonNumber('amount', order.amount);
      const price = order.price === undefined ? undefined : jsonNumber('price', order.price);
      const body = { symbol, side, amount, price, externalOrderId };
      const request = { operation: 'createOrder', path: ORDERS_PATH, body, decidedAt, latestAtMs };
      return call(transport, { ...request, method: 'POST' }, orderSchema);
    },
    getPayout: payouts.getOne,
    readPayoutsPage: payouts.readPage,
    async createPayout({ decidedAt, ...payout }: NewPayout): Promise<Payout> {
      const { currency, destination, description, externalOrderId } = payout;
      const amount = jsonNumber('amount', payout.amount);
      const body = { amount, currency, destination, description, externalOrderId };
      const request = { operation: 'createPayout', path: PAYOUTS_PATH, body, decidedAt };
      return call(transport, { ...request, method: 'POST' }, payoutSchema);
    },
  };
}
