import { addAmounts } from '../domain/money.js';
import { confirmDeposit, receiveDeposit } from './deposits.js';
import { parseLeniently, toExactJson } from './exact-json.js';
import { assertApplicable, faultFields } from './faults.js';
import * as fields from './fields.js';
import { assertScale, choice, flag, integer, optional, text, withDefault } from './fields.js';
import { adjustBalance, book, ensureBalances } from './ledger.js';
import { expireQuotes } from './market.js';
import * as payouts from './payouts.js';
import { badRequest } from './provider-error.js';
import * as records from './records.js';
import { endpoint, type Endpoint } from './serving.js';
import { priceFields, settingsFields } from './settings.js';
import type { Store } from './store.js';
import { activeRules, isWanted, pageFields, removeRules, type Table } from './table.js';
import { eventMembers, type WebhookDelivery } from './webhook-delivery.js';
import { putEvent } from './webhook-events.js';
import * as views from './wire-views.js';

/**
 * The control surface, `/_simulator`: what happens outside the API, and what goes wrong. Without authentication.
 * `apiNames` are the endpoints that faults and latency may name.
 */
export function controlEndpoints(
  store: Store,
  delivery: WebhookDelivery,
  apiNames: readonly string[],
): Endpoint[] {
  const faultShape = { ...faultFields, endpoint: withDefault(choice([...apiNames, '*']), null) };
  return [
    ...overviewEndpoints(store),
    ...settingsEndpoints(store, delivery, apiNames),
    ...moneyEndpoints(store),
    ...payoutEndpoints(store),
    ...forgettingEndpoints(store),
    ...ruleEndpoints('/outcomes', store.payoutOutcomes, records.payoutOutcomeFields),
    ...ruleEndpoints('/orders/outcomes', store.orderOutcomes, records.orderOutcomeFields),
    ...ruleEndpoints('/faults', store.faults, faultShape, assertApplicable),
    ...eventEndpoints(store, delivery),
  ];
}

const control: typeof endpoint = (name, shape, serve) =>
  endpoint(name.replace(' ', ' /_simulator'), shape, serve);

function overviewEndpoints(store: Store): Endpoint[] {
  const journalFields = {
    after: withDefault(integer(0, Number.MAX_SAFE_INTEGER), 0),
    limit: withDefault(integer(1, 10_000), 1000),
    endpoint: optional(text),
  };
  return [
    control('GET /state', {}, () => ({
      balances: [...store.balances].map(views.balanceView),
      ...views.exact({ symbols: store.settings.symbols }),
      counts: { ...store.counts(), payoutsInFlight: payouts.payoutsInFlight(store).length },
      faults: activeRules(store.faults).length,
      outcomes: activeRules(store.payoutOutcomes).length,
    })),
    control('POST /reset', {}, () => {
      store.reset();
      ensureBalances(store);
      return { reset: true };
    }),
    control('GET /journal', journalFields, (query) => {
      const later = [...store.journal].slice(query.after);
      const entries = later.filter((entry) => isWanted(query.endpoint, entry.endpoint)).slice(0, query.limit);
      return { object: 'list', url: '/_simulator/journal', data: entries.map(journalView) };
    }),
  ];
}

function settingsEndpoints(store: Store, delivery: WebhookDelivery, apiNames: readonly string[]): Endpoint[] {
  const changedPrice = { ...priceFields, expireQuotes: optional(flag) };
  const latencyFields = { ms: withDefault(integer(0, 600_000), 0), endpoint: optional(choice(apiNames)) };
  return [
    control('GET /settings', {}, () => views.exact(store.settings)),
    control('PATCH /settings', { apiKey: optional(text), ...settingsFields }, ({ apiKey, ...changes }) => {
      const before = store.settings;
      store.apiKey = apiKey ?? store.apiKey;
      store.changeSettings(fields.withoutUndefined(changes));
      ensureBalances(store);
      const { settlement, settleAfterMs, webhookUrl } = store.settings;
      const isRetimed = settlement !== before.settlement || settleAfterMs !== before.settleAfterMs;
      if (isRetimed) payouts.reschedulePayouts(store);
      if (webhookUrl !== null) delivery.release('waiting');
      return views.exact(store.settings);
    }),
    control('POST /price', changedPrice, ({ expireQuotes: expires, ...price }) => {
      const others = store.settings.symbols.filter(({ symbol }) => symbol !== price.symbol);
      store.changeSettings({ symbols: [...others, price] });
      ensureBalances(store);
      if (expires === true) expireQuotes(store, price.symbol);
      return views.exact({ symbols: store.settings.symbols });
    }),
    control('POST /latency', latencyFields, ({ ms, endpoint: name }) => {
      const { latencyByEndpoint } = store.settings;
      if (name === undefined) store.changeSettings({ latencyMs: ms, latencyByEndpoint: {} });
      else store.changeSettings({ latencyByEndpoint: { ...latencyByEndpoint, [name]: ms } });
      return { ms: store.settings.latencyMs, byEndpoint: store.settings.latencyByEndpoint };
    }),
  ];
}

function moneyEndpoints(store: Store): Endpoint[] {
  const adjustmentFields = {
    ...records.moneyFields,
    amount: fields.signedAmount,
    type: optional(text),
  };
  const seedFields = {
    ...records.chargeFields,
    count: withDefault(integer(1, 10_000), 1),
    credited: withDefault(flag, false),
  };
  return [
    control('POST /deposits', records.depositFields, (order) =>
      views.depositView(receiveDeposit(store, order)),
    ),
    control('GET /deposits', pageFields, (page) =>
      store.deposits.list('/_simulator/deposits', page, () => true, views.depositView),
    ),
    control('POST /deposits/{id}/confirm', {}, (_body, id) =>
      views.depositView(confirmDeposit(store, store.deposits.find(id))),
    ),
    // Charges as an account that also collects money would have; with `credited` they move the balance.
    control('POST /charges', seedFields, ({ count, credited, amount: asked, ...terms }) => {
      const { status, currency } = terms;
      assertScale(asked, currency);
      const amount = addAmounts(asked);
      const movement = { type: 'charge', currency, amount, fee: '0' } as const;
      const data = Array.from({ length: count }, () => {
        const charge = store.charges.add({ paid: status === 'closed', ...terms, amount });
        if (credited) book(store, { ...movement, source: charge.id });
        return views.chargeView(charge);
      });
      return { data };
    }),
    control('POST /balances/adjust', adjustmentFields, ({ currency, amount, type }) => {
      assertScale(amount.replace('-', ''), currency);
      if (type !== undefined) {
        const movement = { type, currency, amount: addAmounts(amount), fee: '0', source: records.newId() };
        return views.balanceTransactionView(book(store, movement));
      }
      return views.balanceView(adjustBalance(store, currency, addAmounts(amount)));
    }),
  ];
}

function payoutEndpoints(store: Store): Endpoint[] {
  const { disguises } = store;
  const find = (id: string): records.PayoutRecord => store.payouts.find(id);
  const pastFields = { ...records.moneyFields, count: integer(1, 1_000_000) };
  const advanceFields = { status: choice(['inTransit', 'paid', 'failed', 'cancelled']) };
  const returnFields = { fee: withDefault(flag, true), amount: optional(fields.looseAmount) };
  const claimFields = {
    amount: optional(fields.looseAmount),
    fee: optional(fields.looseDecimal),
    status: optional(choice(records.PAYOUT_STATUSES)),
  };
  return [
    control('POST /dashboard/payouts', records.moneyFields, ({ amount, currency }) =>
      views.payoutView(payouts.createDashboardPayout(store, amount, currency)),
    ),
    control('POST /dashboard/payouts/past', pastFields, ({ amount, currency, count }) => {
      payouts.addPastPayouts(store, amount, currency, count);
      return { added: count };
    }),
    control('POST /payouts/{id}/advance', advanceFields, ({ status }, id) =>
      views.payoutView(payouts.advancePayout(store, find(id), status)),
    ),
    control('POST /payouts/{id}/return', returnFields, (returned, id) =>
      views.balanceTransactionView(payouts.returnPayout(store, find(id), returned)),
    ),
    control('POST /settle', {}, () => ({ settled: payouts.settleAll(store) })),
    // What is left out stays as it was shown before.
    control('POST /payouts/{id}/overwrite', claimFields, (claims, id) => {
      const payout = find(id);
      assertScale(claims.amount ?? '0', payout.currency);
      assertScale(claims.fee ?? '0', payout.currency, 'fee');
      const disguise = disguises.get(id);
      const shown = { ...disguise?.shown, ...fields.withoutUndefined(claims) };
      disguises.put({ ...disguise, id, shown });
      return views.payoutView({ ...payout, ...shown });
    }),
  ];
}

/** What is forgotten stays stored, and so does the money that it moved; the API denies it, until it is shown again. */
function forgettingEndpoints({ payouts: allPayouts, orders, deposits, disguises }: Store): Endpoint[] {
  const shape = { forgotten: withDefault(flag, true) };
  const forget = (id: string, forgotten: boolean): object =>
    disguises.put({ ...disguises.get(id), id, forgotten }).shown ?? {};
  return [
    control('POST /payouts/{id}/forget', shape, ({ forgotten }, id) =>
      views.payoutView({ ...allPayouts.find(id), ...forget(allPayouts.find(id).id, forgotten) }),
    ),
    control('POST /orders/{id}/forget', shape, ({ forgotten }, id) =>
      views.orderView({ ...orders.find(id), ...forget(orders.find(id).id, forgotten) }),
    ),
    control('POST /deposits/{id}/forget', shape, ({ forgotten }, id) => {
      const deposit = deposits.find(id);
      if (deposit.balanceTransactionId === null)
        throw badRequest('the deposit brought no money to forget', 'id');
      forget(deposit.balanceTransactionId, forgotten);
      return views.depositView(deposit);
    }),
  ];
}

/** Ordering rules, seeing those that are still active, and taking one or all of them back. */
function ruleEndpoints<R extends records.RuleRecord>(
  path: string,
  rules: Table<R>,
  shape: fields.Shape,
  assertAllowed: (rule: R) => void = () => undefined,
): Endpoint[] {
  const ordered = { ...shape, times: withDefault(integer(1, 1_000_000), 1) };
  return [
    control(`POST ${path}`, ordered, ({ times, ...terms }) => {
      const rule = { id: records.newId(), ...terms, remaining: times } as unknown as R;
      assertAllowed(rule);
      return views.exact(rules.put(rule));
    }),
    control(`GET ${path}`, {}, () => ({ data: activeRules(rules).map(views.exact) })),
    control(`DELETE ${path}`, {}, () => ({ removed: removeRules(rules) })),
    control(`DELETE ${path}/{id}`, {}, (_query, id) => ({ removed: removeRules(rules, rules.find(id).id) })),
  ];
}

function eventEndpoints(store: Store, delivery: WebhookDelivery): Endpoint[] {
  const { events } = store;
  const filterFields = { type: optional(text), subject: optional(text), delivery: optional(text) };
  const signature = withDefault(choice(['valid', 'wrong', 'none']), 'valid');
  const forged = { type: text, data: fields.json, signature, livemode: optional(flag), id: optional(text) };
  const releaseFields = { order: optional(choice(['oldestFirst', 'newestFirst'])) };
  return [
    control('GET /events', { ...pageFields, ...filterFields }, (query) => {
      const matches = (event: records.EventRecord): boolean =>
        isWanted(query.type, event.type) &&
        isWanted(query.subject, event.subject?.id) &&
        isWanted(query.delivery, event.delivery);
      return events.list('/_simulator/events', query, matches, eventView);
    }),
    control('GET /events/{id}', {}, (_query, id) => eventView(events.find(id))),
    control('POST /events/{id}/resend', { signature }, async (body, id) => {
      const attempt = await delivery.send(events.find(id), body.signature);
      return { id, attempt };
    }),
    control('POST /events/release', releaseFields, ({ order }) => ({
      released: delivery.release('held', order === 'newestFirst'),
    })),
    control('POST /events/forge', forged, async ({ signature: signing, data, ...forgery }) => {
      if (events.get(forgery.id ?? '') !== undefined) throw badRequest('the id exists already', 'id');
      const { id = records.newId(), type, livemode = store.settings.livemode } = forgery;
      const event = putEvent(store, { id, type, livemode, data: toExactJson(data), delivery: 'manual' });
      return { id, attempt: await delivery.send(event, signing) };
    }),
  ];
}

function eventView(event: records.EventRecord): object {
  const { id, type, createdAt, livemode, subject, delivery, attempts, dueAt = null } = event;
  const nextAttemptAt = dueAt === null ? null : new Date(dueAt).toISOString();
  const body = eventMembers(event);
  return { id, type, createdAt, livemode, subject, delivery, attempts, nextAttemptAt, body };
}

function journalView({ id, requestBody, ...entry }: records.JournalRecord): object {
  const body = requestBody === null ? null : parseLeniently(requestBody);
  return { sequence: Number(id), ...entry, body };
}
