import { createHmac } from 'node:crypto';
import { exactNumber } from './exact-json.js';
import { choice, httpUrl, optional, type Shape, text } from './fields.js';
import { shownBalances } from './ledger.js';
import { placeOrder, quotePrice } from './market.js';
import { createPayout } from './payouts.js';
import { notFound } from './provider-error.js';
import { newId, orderFields, PAYOUT_STATUSES, payoutFields, type StoredRecord } from './records.js';
import { endpoint, type Endpoint } from './serving.js';
import type { Store } from './store.js';
import { isWanted, pageFields, type Table } from './table.js';
import { putEvent } from './webhook-events.js';
import * as views from './wire-views.js';

/** Every endpoint of the contract that the simulator serves. */
export function apiEndpoints(store: Store): Endpoint[] {
  const payoutFilters = { destination: text, status: choice(PAYOUT_STATUSES) };
  const transactionFilters = { source: text, type: text, status: choice(['pending', 'available']) };
  return [
    ...accountEndpoints(store),
    endpoint('POST /api/v1/orders', orderFields, (fields, _id, effects) => {
      const order = placeOrder(store, fields);
      effects.push(order.id);
      return views.orderView(order);
    }),
    endpoint('POST /api/v1/payouts', payoutFields, (fields, _id, effects) => {
      const payout = createPayout(store, fields);
      effects.push(payout.id);
      return views.payoutView(payout);
    }),
    ...readEndpoints(store, store.orders, views.orderView, { externalOrderId: text }),
    ...readEndpoints(store, store.payouts, views.payoutView, payoutFilters),
    ...readEndpoints(store, store.charges, views.chargeView, { externalOrderId: text }),
    ...readEndpoints(store, store.balanceTransactions, views.balanceTransactionView, transactionFilters),
  ];
}

function accountEndpoints(store: Store): Endpoint[] {
  const tickerFields = { symbol: text, side: choice(['bid', 'ask']) };
  return [
    endpoint('GET /api/v1/accessToken', {}, () => ({ accessToken: accessToken(store.apiKey) })),
    endpoint('GET /api/v1/accounts/show', {}, () => views.accountView(store.settings)),
    endpoint('GET /api/v1/balances/show', { currency: optional(text) }, ({ currency }) => {
      const shown = shownBalances(store).filter(({ id }) => isWanted(currency, id));
      const data = shown.map(views.balanceView);
      if (data.length === 0) throw notFound('balance');
      return data.length === 1 ? data[0] : { object: 'list', url: '/api/v1/balances/show', data };
    }),
    endpoint('GET /api/v1/markets/ticker', tickerFields, ({ symbol, side }) => {
      const { price, timestamp } = quotePrice(store, symbol, side);
      return { symbol, timestamp, [side]: exactNumber(price) };
    }),
    // To a URL of its own, not live and not retried (contract, "Webhooks").
    endpoint('GET /api/v1/events/test', { cbUrl: httpUrl }, ({ cbUrl: targetUrl }) => {
      const data = JSON.stringify({ id: newId(), object: 'test' });
      const { id, type, livemode } = putEvent(store, {
        type: 'event.test',
        data,
        livemode: false,
        targetUrl,
      });
      return { id, object: 'event', type, livemode };
    }),
  ];
}

/** The member of a record that a filter names, where it is called otherwise. */
const MEMBERS: Readonly<Record<string, string>> = { destination: 'destinationId' };

/** The list of a table, with its filters, and its records by id. */
function readEndpoints<R extends StoredRecord>(
  store: Store,
  table: Table<R>,
  view: (record: R) => object,
  filters: Shape,
): Endpoint[] {
  const url = `/api/v1/${table.name}`;
  const optionalFilters = Object.entries(filters).map(([name, schema]) => [name, optional(schema)] as const);
  const shown = (record: R): R => {
    const disguise = store.disguises.get(record.id)?.shown;
    return disguise === undefined ? record : { ...record, ...disguise };
  };
  return [
    endpoint(`GET ${url}`, { ...pageFields, ...Object.fromEntries(optionalFilters) }, (page) => {
      const query: Readonly<Record<string, unknown>> = page;
      const matches = (record: R): boolean => {
        const values = shown(record) as object as Readonly<Record<string, unknown>>;
        const isMatch = Object.keys(filters).every((name) =>
          isWanted(query[name], values[MEMBERS[name] ?? name]),
        );
        return isMatch && isReadable(store, record);
      };
      const { pageSize, paging } = store.settings;
      const limit = Math.min(page.limit, pageSize);
      return table.list(url, { ...page, limit, paging }, matches, (record) => view(shown(record)));
    }),
    endpoint(`GET ${url}/{id}`, {}, (_query, id) => {
      const record = table.find(id);
      return isReadable(store, record) ? view(shown(record)) : table.find('');
    }),
  ];
}

/** Whether an object can be read: not yet while a setting lets reads lag behind creation, no more once forgotten. */
function isReadable(store: Store, { id, createdAt = '' }: StoredRecord): boolean {
  const { visibleAfterMs, depositTransactions } = store.settings;
  if (store.disguises.get(id)?.forgotten === true) return false;
  const transaction = store.balanceTransactions.get(id);
  if (transaction !== undefined) return transaction.type !== 'deposit' || depositTransactions === 'shown';
  return visibleAfterMs === 0 || Date.parse(createdAt) <= Date.now() - visibleAfterMs;
}

/** A JWT in form; it only opens hosted charge pages, which are not simulated. */
function accessToken(apiKey: string): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const issuedAt = Math.floor(Date.now() / 1000);
  const content = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: 'simulator', iat: issuedAt })}`;
  return `${content}.${createHmac('sha256', apiKey).update(content).digest('base64url')}`;
}
