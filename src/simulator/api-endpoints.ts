import { createHmac } from 'node:crypto';
import type { z } from 'zod';
import { endpoint, type Endpoint } from './endpoint.js';
import { exactNumber } from './exact-json.js';
import { choice, httpUrl, optional, pageFields, text } from './fields.js';
import { shownBalances } from './ledger.js';
import { findRecord, listPage } from './list-page.js';
import { quotePrice } from './market.js';
import { orderFields, placeOrder } from './orders.js';
import { createPayout, payoutFields } from './payouts.js';
import { notFound } from './provider-error.js';
import { PAYOUT_STATUSES, type StoredRecord } from './records.js';
import { isWanted } from './rules.js';
import type { Simulation } from './simulation.js';
import type { Store } from './store.js';
import type { Table } from './table.js';
import { sendTestEvent } from './webhook-events.js';
import * as views from './wire-views.js';

/** Every endpoint of the contract that the simulator serves. */
export function apiEndpoints(simulation: Simulation): Endpoint[] {
  return [
    ...accountEndpoints(simulation),
    ...creatingEndpoints(simulation),
    ...listEndpoints(simulation.store),
  ];
}

function accountEndpoints(simulation: Simulation): Endpoint[] {
  const { store } = simulation;
  return [
    endpoint('GET /api/v1/accessToken', {}, () => ({ accessToken: accessToken(store.apiKey) })),
    endpoint('GET /api/v1/accounts/show', {}, () => views.accountView(store.settings)),
    endpoint(
      'GET /api/v1/balances/show',
      { query: { currency: optional(text) } },
      ({ query: { currency } }) => {
        const balances = shownBalances(store);
        const one = currency === undefined ? balances[0] : store.balances.get(currency);
        if (one === undefined) throw notFound('balance');
        if (currency !== undefined || balances.length === 1) return views.balanceView(one);
        return { object: 'list', url: '/api/v1/balances/show', data: balances.map(views.balanceView) };
      },
    ),
    endpoint(
      'GET /api/v1/markets/ticker',
      { query: { symbol: text, side: choice(['bid', 'ask']) } },
      ({ query: { symbol, side } }) => {
        const { price, timestamp } = quotePrice(store, symbol, side);
        return { symbol, timestamp, [side]: exactNumber(price) };
      },
    ),
    endpoint('GET /api/v1/events/test', { query: { cbUrl: httpUrl } }, ({ query: { cbUrl } }) => {
      const { id, type, livemode } = sendTestEvent(simulation, cbUrl);
      return { id, object: 'event', type, livemode };
    }),
  ];
}

function creatingEndpoints(simulation: Simulation): Endpoint[] {
  return [
    endpoint('POST /api/v1/orders', { body: orderFields }, ({ body, effects }) => {
      const order = placeOrder(simulation.store, body);
      effects.push(order.id);
      return views.orderView(order);
    }),
    endpoint('POST /api/v1/payouts', { body: payoutFields }, ({ body, effects }) => {
      const payout = createPayout(simulation, body);
      effects.push(payout.id);
      return views.payoutView(payout);
    }),
  ];
}

function listEndpoints(store: Store): Endpoint[] {
  const { balanceTransactions, orders, payouts, charges } = store;
  return [
    ...readEndpoints('balanceTransactions', 'balance transaction', balanceTransactions, {
      view: views.balanceTransactionView,
      isShown: ({ forgotten, type }) =>
        forgotten !== true && (type !== 'deposit' || store.settings.depositTransactions === 'shown'),
      filters: {
        source: [text, ({ source }) => source],
        type: [text, ({ type }) => type],
        status: [choice(['pending', 'available']), ({ status }) => status],
      },
    }),
    ...readEndpoints('orders', 'order', orders, {
      view: views.orderView,
      isShown: (order) => isVisible(store, order),
      filters: { externalOrderId: [text, ({ externalOrderId }) => externalOrderId] },
    }),
    ...readEndpoints('payouts', 'payout', payouts, {
      view: (payout) => views.payoutView(views.shownPayout(payout)),
      isShown: (payout) => isVisible(store, payout),
      filters: {
        destination: [text, ({ destinationId }) => destinationId],
        status: [choice(PAYOUT_STATUSES), (payout) => views.shownPayout(payout).status],
      },
    }),
    ...readEndpoints('charges', 'charge', charges, {
      view: views.chargeView,
      isShown: () => true,
      filters: { externalOrderId: [text, ({ externalOrderId }) => externalOrderId] },
    }),
  ];
}

interface Readable<R> {
  readonly view: (record: R) => object;
  readonly isShown: (record: R) => boolean;
  /** By parameter: what it may be, and what of the record it is compared with. */
  readonly filters: Readonly<Record<string, readonly [z.ZodType<string>, (record: R) => string | undefined]>>;
}

/** The list of a table and its records by id. */
function readEndpoints<R extends StoredRecord>(
  path: string,
  what: string,
  table: Table<R>,
  { view, isShown, filters }: Readable<R>,
): Endpoint[] {
  const url = `/api/v1/${path}`;
  const filterFields = Object.fromEntries(
    Object.entries(filters).map(([name, [schema]]) => [name, optional(schema)]),
  );
  return [
    endpoint(`GET ${url}`, { query: { ...pageFields, ...filterFields } }, ({ query }) => {
      const matches = (record: R): boolean =>
        isShown(record) &&
        Object.entries(filters).every(([name, [, valueOf]]) =>
          isWanted(query[name as keyof typeof query], valueOf(record)),
        );
      return listPage(url, table, query, matches, view);
    }),
    endpoint(`GET ${url}/{id}`, {}, ({ id }) => {
      const record = findRecord(table, id, what);
      if (!isShown(record)) throw notFound(what);
      return view(record);
    }),
  ];
}

/** Whether an object can be read: not yet while a setting lets reads lag behind creation, no more once forgotten. */
function isVisible(
  { settings }: Store,
  record: { readonly createdAt: string; readonly forgotten?: boolean },
): boolean {
  const { visibleAfterMs } = settings;
  if (record.forgotten === true) return false;
  return visibleAfterMs === 0 || Date.parse(record.createdAt) <= Date.now() - visibleAfterMs;
}

/** A JWT in form; it only opens hosted charge pages, which are not simulated. */
function accessToken(apiKey: string): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const issuedAt = Math.floor(Date.now() / 1000);
  const content = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: 'simulator', iat: issuedAt })}`;
  return `${content}.${createHmac('sha256', apiKey).update(content).digest('base64url')}`;
}
