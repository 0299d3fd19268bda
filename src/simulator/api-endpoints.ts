import { createHmac } from 'node:crypto';
import type { EntityTable, StoredRecord } from './entity-table.js';
import { exactNumber } from './exact-json.js';
import { listPage, readPageRequest } from './list-page.js';
import { badRequest, notFound } from './provider-error.js';
import { type BalanceTransactionRecord, PAYOUT_STATUSES } from './records.js';
import type { RequestFields } from './request-fields.js';
import type { SimulatorCore } from './simulator-core.js';
import {
  accountView,
  balanceTransactionView,
  balanceView,
  chargeView,
  orderView,
  payoutView,
  shownPayout,
} from './wire-views.js';

export interface ApiRequest {
  readonly id: string;
  readonly query: RequestFields;
  /** Reads the body; throws 400 when it is no JSON object. */
  readonly body: () => RequestFields;
}

export interface ApiAnswer {
  readonly body: unknown;
  /** Ids of what the request made. */
  readonly effects?: readonly string[];
}

export interface ApiEndpoint {
  readonly method: 'GET' | 'POST';
  /** With `{id}` where an id stands. */
  readonly path: string;
  readonly serve: (request: ApiRequest) => ApiAnswer;
}

/** Every endpoint of the contract that the simulator serves. */
export function apiEndpoints(core: SimulatorCore): ApiEndpoint[] {
  return [
    ...accountEndpoints(core),
    ...balanceTransactionEndpoints(core),
    ...orderEndpoints(core),
    ...payoutEndpoints(core),
    ...chargeEndpoints(core),
  ];
}

function accountEndpoints(core: SimulatorCore): ApiEndpoint[] {
  const { state, settings, market, events } = core;
  return [
    get('/api/v1/accessToken', ({ query }) => {
      query.end();
      return { accessToken: accessToken(settings.apiKey) };
    }),
    get('/api/v1/accounts/show', ({ query }) => {
      query.end();
      return accountView(settings.current);
    }),
    get('/api/v1/balances/show', ({ query }) => {
      const currency = query.optionalText('currency');
      query.end();
      const balances = core.ledger.shownBalances(settings.currencies());
      const one = currency === undefined ? balances[0] : state.balances.get(currency);
      if (one === undefined) throw notFound('balance');
      if (currency !== undefined || balances.length === 1) return balanceView(one);
      return { object: 'list', url: '/api/v1/balances/show', data: balances.map(balanceView) };
    }),
    get('/api/v1/markets/ticker', ({ query }) => {
      const symbol = query.text('symbol');
      const side = query.choice('side', ['bid', 'ask']);
      query.end();
      const { price, timestamp } = market.quote(symbol, side);
      return { symbol, timestamp, [side]: exactNumber(price) };
    }),
    get('/api/v1/events/test', ({ query }) => {
      const target = query.text('cbUrl');
      query.end();
      if (!/^https?:\/\//.test(target) || !URL.canParse(target)) throw badRequest('cbUrl is no URL', 'cbUrl');
      const { id, type } = events.test(target);
      return { id, object: 'event', type, livemode: false };
    }),
  ];
}

function balanceTransactionEndpoints({ state, settings }: SimulatorCore): ApiEndpoint[] {
  const url = '/api/v1/balanceTransactions';
  const isShown = ({ type, forgotten }: BalanceTransactionRecord): boolean =>
    forgotten !== true && (type !== 'deposit' || settings.current.depositTransactions === 'shown');
  return [
    get(url, ({ query }) => {
      const page = readPageRequest(query);
      const source = query.optionalText('source');
      const type = query.optionalText('type');
      const status = query.optionalChoice('status', ['pending', 'available']);
      query.end();
      return listPage(state.balanceTransactions, page, {
        url,
        view: balanceTransactionView,
        filter: {
          index: source === undefined ? undefined : { field: 'source', value: source },
          where: (one) =>
            isShown(one) &&
            (type === undefined || one.type === type) &&
            (status === undefined || one.status === status),
        },
      });
    }),
    get(`${url}/{id}`, ({ id, query }) => {
      query.end();
      const found = find(state.balanceTransactions, id, 'balance transaction');
      if (!isShown(found)) throw notFound('balance transaction');
      return balanceTransactionView(found);
    }),
  ];
}

function orderEndpoints(core: SimulatorCore): ApiEndpoint[] {
  const url = '/api/v1/orders';
  const { orders } = core.state;
  return [
    {
      method: 'POST',
      path: url,
      serve: ({ body, query }) => {
        query.end();
        const order = core.orders.place(body());
        return { body: orderView(order), effects: [order.id] };
      },
    },
    get(url, ({ query }) => {
      const page = readPageRequest(query);
      const value = query.optionalText('externalOrderId');
      query.end();
      const index = value === undefined ? undefined : { field: 'externalOrderId', value };
      return listPage(orders, page, { url, view: orderView, filter: { index, where: visible(core) } });
    }),
    get(`${url}/{id}`, ({ id, query }) => {
      query.end();
      const order = find(orders, id, 'order');
      if (!visible(core)(order)) throw notFound('order');
      return orderView(order);
    }),
  ];
}

function payoutEndpoints(core: SimulatorCore): ApiEndpoint[] {
  const url = '/api/v1/payouts';
  const { payouts } = core.state;
  return [
    {
      method: 'POST',
      path: url,
      serve: ({ body, query }) => {
        query.end();
        const payout = core.payouts.create(body());
        return { body: payoutView(payout), effects: [payout.id] };
      },
    },
    get(url, ({ query }) => {
      const page = readPageRequest(query);
      const value = query.optionalText('destination');
      const status = query.optionalChoice('status', PAYOUT_STATUSES);
      query.end();
      const isVisible = visible(core);
      return listPage(payouts, page, {
        url,
        view: (one) => payoutView(shownPayout(one)),
        filter: {
          index: value === undefined ? undefined : { field: 'destinationId', value },
          where: (one) => isVisible(one) && (status === undefined || shownPayout(one).status === status),
        },
      });
    }),
    get(`${url}/{id}`, ({ id, query }) => {
      query.end();
      const payout = find(payouts, id, 'payout');
      if (!visible(core)(payout)) throw notFound('payout');
      return payoutView(shownPayout(payout));
    }),
  ];
}

function chargeEndpoints({ state }: SimulatorCore): ApiEndpoint[] {
  const url = '/api/v1/charges';
  return [
    get(url, ({ query }) => {
      const page = readPageRequest(query);
      const value = query.optionalText('externalOrderId');
      query.end();
      const index = value === undefined ? undefined : { field: 'externalOrderId', value };
      return listPage(state.charges, page, { url, view: chargeView, filter: { index } });
    }),
    get(`${url}/{id}`, ({ id, query }) => {
      query.end();
      return chargeView(find(state.charges, id, 'charge'));
    }),
  ];
}

function get(path: string, read: (request: ApiRequest) => object): ApiEndpoint {
  return { method: 'GET', path, serve: (request) => ({ body: read(request) }) };
}

function find<R extends StoredRecord>(table: EntityTable<R>, id: string, what: string): R {
  const found = table.get(id);
  if (found === undefined) throw notFound(what);
  return found;
}

/** Whether an object can be read: not yet while a setting lets reads lag behind creation, no more once forgotten. */
function visible(
  core: SimulatorCore,
): (record: { createdAt: string; forgotten?: boolean | undefined }) => boolean {
  const { visibleAfterMs } = core.settings.current;
  const newest = Date.now() - visibleAfterMs;
  return ({ createdAt, forgotten }) =>
    forgotten !== true && (visibleAfterMs === 0 || Date.parse(createdAt) <= newest);
}

/** A JWT in form; it only opens hosted charge pages, which are not simulated. */
function accessToken(apiKey: string): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const issuedAt = Math.floor(Date.now() / 1000);
  const content = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: 'simulator', iat: issuedAt })}`;
  return `${content}.${createHmac('sha256', apiKey).update(content).digest('base64url')}`;
}
