import type { z } from 'zod';
import type { Destination } from '../domain/destination.js';
import type {
  BalanceTransactionStatus,
  BalanceTransactionType,
  ProviderPayoutStatus,
} from '../domain/provider-status.js';
import { REQUEST_REASON } from '../domain/request-reason.js';
import { readAnswer } from './answer.js';
import { jsonNumber } from './decimal-json.js';
import { createResource } from './resource.js';
import {
  accessTokenSchema,
  accountSchema,
  balancesSchema,
  balanceTransactionSchema,
  orderSchema,
  payoutSchema,
  tickerSchema,
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

export interface BalanceTransactionFilter {
  /** Id of the object that moved the balance; the provider wants `type` with it. */
  readonly source?: string | undefined;
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
export interface PayoutFilter {
  readonly status?: Exclude<ProviderPayoutStatus, 'unknown'> | undefined;
  /** Id of a payment method, as an earlier payout's `destination.id` names it. */
  readonly destination?: string | undefined;
}

export interface OrderFilter {
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

/** @throws TypeError for a base URL that cannot be used, RangeError for an impossible rate */
export function createQbitPayClient(options: TransportOptions) {
  const transport = createTransport(options);
  const background: Transport = {
    ...transport,
    send: (request) => transport.send({ ...request, reason: REQUEST_REASON.SYNC }),
  };
  return {
    ...createAccountCalls(transport),
    ...createOrderCalls(transport),
    ...createPayoutCalls(transport),
    /** The same calls, behind all others where the request rate is limited. */
    background: {
      ...createAccountCalls(background),
      ...createOrderCalls(background),
      ...createPayoutCalls(background),
    },
    observed: transport.observed,
    /** Makes the provider send one event with `livemode: false` to `cbUrl`; it is not retried. */
    async sendTestEvent({ cbUrl }: { readonly cbUrl: string }): Promise<void> {
      // What the provider answers is not documented: any 2xx will do.
      await transport.send({ operation: 'sendTestEvent', path: '/api/v1/events/test', query: { cbUrl } });
    },
    /** Closes the connections that reads keep open. */
    close: () => transport.close(),
  };
}

function createAccountCalls(transport: Transport) {
  const transactions = createResource<BalanceTransaction, BalanceTransactionFilter>(transport, {
    name: 'BalanceTransaction',
    path: '/api/v1/balanceTransactions',
    schema: balanceTransactionSchema,
    toQuery: ({ type, status, ...filter }) => ({
      ...filter,
      type: type && TRANSACTION_TYPE_WORDS.toWire(type),
      status: status && TRANSACTION_STATUS_WORDS.toWire(status),
    }),
  });
  return {
    async createAccessToken() {
      const request = { operation: 'createAccessToken', path: '/api/v1/accessToken' };
      const { accessToken } = await call(transport, request, accessTokenSchema);
      return { accessToken };
    },
    getAccount: () =>
      call(transport, { operation: 'getAccount', path: '/api/v1/accounts/show' }, accountSchema),
    listBalances: ({ currency }: { readonly currency?: string | undefined } = {}) => {
      const request = { operation: 'listBalances', path: '/api/v1/balances/show', query: { currency } };
      return call(transport, request, balancesSchema);
    },
    getTicker: ({ symbol, side }: { symbol: string; side: TickerSide }) => {
      const request = { operation: 'getTicker', path: '/api/v1/markets/ticker', query: { symbol, side } };
      return call(transport, request, tickerSchema(symbol, side));
    },
    getBalanceTransaction: transactions.getOne,
    readBalanceTransactionsPage: transactions.readPage,
  };
}

function createOrderCalls(transport: Transport) {
  const orders = createResource<Order, OrderFilter>(transport, {
    name: 'Order',
    path: ORDERS_PATH,
    schema: orderSchema,
  });
  return {
    async createOrder({ symbol, side, externalOrderId, ...rest }: NewOrder): Promise<Order> {
      const { decidedAt, latestAtMs } = rest;
      const amount = jsonNumber('amount', rest.amount);
      const price = rest.price === undefined ? undefined : jsonNumber('price', rest.price);
      const body = { symbol, side, amount, price, externalOrderId };
      const request = { operation: 'createOrder', path: ORDERS_PATH, body, decidedAt, latestAtMs };
      return call(transport, { ...request, method: 'POST' }, orderSchema);
    },
    getOrder: orders.getOne,
    readOrdersPage: orders.readPage,
  };
}

function createPayoutCalls(transport: Transport) {
  const payouts = createResource<Payout, PayoutFilter>(transport, {
    name: 'Payout',
    path: PAYOUTS_PATH,
    schema: payoutSchema,
    toQuery: ({ status, ...filter }) => ({ ...filter, status: status && PAYOUT_STATUS_WORDS.toWire(status) }),
  });
  return {
    async createPayout({ currency, destination, description, ...rest }: NewPayout): Promise<Payout> {
      const { decidedAt, externalOrderId } = rest;
      const amount = jsonNumber('amount', rest.amount);
      const body = { amount, currency, destination, description, externalOrderId };
      const request = { operation: 'createPayout', path: PAYOUTS_PATH, body, decidedAt };
      return call(transport, { ...request, method: 'POST' }, payoutSchema);
    },
    getPayout: payouts.getOne,
    readPayoutsPage: payouts.readPage,
  };
}

async function call<T>(transport: Transport, request: TransportRequest, schema: z.ZodType<T>): Promise<T> {
  return readAnswer(await transport.send(request), schema);
}
