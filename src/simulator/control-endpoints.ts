import { addAmounts } from '../domain/money.js';
import { confirmDeposit, depositFields, receiveDeposit } from './deposits.js';
import { endpoint, type Endpoint } from './endpoint.js';
import { exactNumber, parseExactJson, toExactJson } from './exact-json.js';
import { FAULT_KINDS, type FaultEffect, type FaultKind } from './fault-kinds.js';
import * as fields from './fields.js';
import {
  assertScale,
  choice,
  currencyCode,
  flag,
  integer,
  looseAmount,
  optional,
  text,
  withDefault,
} from './fields.js';
import { newId } from './identifiers.js';
import { adjustBalance, book, ensureBalances } from './ledger.js';
import { findRecord, listPage } from './list-page.js';
import { expireQuotes } from './market.js';
import { createDashboardPayout, dashboardPayoutFields } from './payouts.js';
import { badRequest } from './provider-error.js';
import * as records from './records.js';
import { activeRules, isWanted, removeRules } from './rules.js';
import { priceFields, settingsFields } from './settings.js';
import { advancePayout, payoutsInFlight, reschedulePayouts, returnPayout, settleAll } from './settlement.js';
import type { Simulation } from './simulation.js';
import type { Table } from './table.js';
import { eventMembers } from './webhook-delivery.js';
import { putEvent } from './webhook-events.js';
import * as views from './wire-views.js';

const MAX_WAIT_MS = 600_000;
const times = withDefault(integer(1, 1_000_000), 1);
const signature = withDefault(choice(['valid', 'wrong', 'none']), 'valid');

/**
 * The control surface, `/_simulator`: what happens outside the API, and what goes wrong. Without authentication.
 * `apiNames` are the endpoints that faults and latency may name.
 */
export function controlEndpoints(simulation: Simulation, apiNames: readonly string[]): Endpoint[] {
  return [
    ...overviewEndpoints(simulation),
    ...settingsEndpoints(simulation, apiNames),
    ...moneyEndpoints(simulation),
    ...payoutEndpoints(simulation),
    ...forgettingEndpoints(simulation),
    ...ruleEndpoints(simulation),
    ...faultEndpoints(simulation, apiNames),
    ...eventEndpoints(simulation),
  ];
}

function overviewEndpoints(simulation: Simulation): Endpoint[] {
  const { store, timers, delivery } = simulation;
  const journalFields = {
    after: withDefault(integer(0, Number.MAX_SAFE_INTEGER), 0),
    limit: withDefault(integer(1, 10_000), 1000),
    endpoint: optional(text),
  };
  return [
    control('GET /state', {}, () => ({
      balances: [...store.balances].map(views.balanceView),
      symbols: views.symbolsView(store.settings),
      counts: {
        payouts: store.payouts.size,
        payoutsInFlight: payoutsInFlight(store).length,
        orders: store.orders.size,
        deposits: store.deposits.size,
        charges: store.charges.size,
        balanceTransactions: store.balanceTransactions.size,
        events: store.events.size,
        journal: store.journal.size,
      },
      faults: activeRules(store.faults).length,
      outcomes: activeRules(store.payoutOutcomes).length,
    })),
    control('POST /reset', {}, () => {
      timers.cancelAll();
      delivery.forgetAll();
      store.reset();
      ensureBalances(store);
      return { reset: true };
    }),
    control('GET /journal', { query: journalFields }, ({ query }) => {
      const entries = store.journal.slice(query.after);
      const wanted = entries.filter((entry) => isWanted(query.endpoint, entry.endpoint));
      return {
        object: 'list',
        url: '/_simulator/journal',
        data: wanted.slice(0, query.limit).map(journalView),
      };
    }),
  ];
}

function settingsEndpoints(simulation: Simulation, apiNames: readonly string[]): Endpoint[] {
  const { store, delivery } = simulation;
  const latencyFields = { ms: withDefault(integer(0, MAX_WAIT_MS), 0), endpoint: optional(choice(apiNames)) };
  return [
    control('GET /settings', {}, () => views.settingsView(store.settings)),
    control('PATCH /settings', { body: { apiKey: optional(text), ...settingsFields } }, ({ body }) => {
      const { apiKey = store.apiKey, ...changes } = body;
      const before = store.settings;
      store.changeSettings(fields.withoutUndefined(changes));
      store.apiKey = apiKey;
      ensureBalances(store);
      const { settlement, settleAfterMs, webhookUrl } = store.settings;
      if (settlement !== before.settlement || settleAfterMs !== before.settleAfterMs)
        reschedulePayouts(simulation);
      if (webhookUrl !== null) store.afterCommit(() => delivery.release('waiting'));
      return views.settingsView(store.settings);
    }),
    control(
      'POST /price',
      { body: { ...priceFields, expireQuotes: withDefault(flag, false) } },
      ({ body: { expireQuotes: expires, ...price } }) => {
        const others = store.settings.symbols.filter(({ symbol }) => symbol !== price.symbol);
        store.changeSettings({ symbols: [...others, price] });
        ensureBalances(store);
        if (expires) expireQuotes(store, price.symbol);
        return { symbols: views.symbolsView(store.settings) };
      },
    ),
    control('POST /latency', { body: latencyFields }, ({ body: { ms, endpoint: name } }) => {
      const byEndpoint = { ...store.settings.latencyByEndpoint };
      if (name === undefined) store.changeSettings({ latencyMs: ms, latencyByEndpoint: {} });
      else store.changeSettings({ latencyByEndpoint: { ...byEndpoint, [name]: ms } });
      const { latencyMs, latencyByEndpoint } = store.settings;
      return { ms: latencyMs, byEndpoint: latencyByEndpoint };
    }),
  ];
}

function moneyEndpoints(simulation: Simulation): Endpoint[] {
  const { store } = simulation;
  const chargeFields = {
    count: withDefault(integer(1, 10_000), 1),
    currency: currencyCode,
    amount: looseAmount,
    status: withDefault(choice(records.CHARGE_STATUSES), 'closed'),
    externalOrderId: optional(text),
    credited: withDefault(flag, false),
  };
  const adjustmentFields = { currency: currencyCode, amount: fields.signedAmount };
  return [
    control('POST /deposits', { body: depositFields }, ({ body }) =>
      views.depositView(receiveDeposit(simulation, body)),
    ),
    control('GET /deposits', { query: fields.pageFields }, ({ query }) =>
      listPage('/_simulator/deposits', store.deposits, query, () => true, views.depositView),
    ),
    control('POST /deposits/{id}/confirm', {}, ({ id }) =>
      views.depositView(confirmDeposit(simulation, findRecord(store.deposits, id, 'deposit'))),
    ),
    // Charges as an account that also collects money would have; with `credited` they move the balance.
    control('POST /charges', { body: chargeFields }, ({ body: { count, credited, ...terms } }) => {
      assertScale(terms.amount, terms.currency);
      const amount = addAmounts(terms.amount);
      const { currency } = terms;
      const data = Array.from({ length: count }, () => {
        const createdAt = store.charges.nextCreatedAt();
        const charge = store.charges.put({ id: newId(), createdAt, ...terms, amount });
        const movement = { currency, amount, fee: '0', source: charge.id, description: 'charge' };
        if (credited) book(store, { ...movement, type: 'charge' });
        return views.chargeView(charge);
      });
      return { data };
    }),
    control('POST /balances/adjust', { body: adjustmentFields }, ({ body: { currency, amount } }) => {
      assertScale(amount.replace(/^-/, ''), currency);
      return views.balanceView(adjustBalance(store, currency, addAmounts(amount)));
    }),
  ];
}

function payoutEndpoints(simulation: Simulation): Endpoint[] {
  const { payouts } = simulation.store;
  const shownFields = {
    amount: optional(looseAmount),
    fee: optional(fields.looseDecimal),
    status: optional(choice(records.PAYOUT_STATUSES)),
  };
  return [
    control('POST /dashboard/payouts', { body: dashboardPayoutFields }, ({ body }) =>
      views.payoutView(createDashboardPayout(simulation, body)),
    ),
    control(
      'POST /payouts/{id}/advance',
      { body: { status: choice(['inTransit', 'paid', 'failed', 'cancelled']) } },
      ({ id, body }) =>
        views.payoutView(advancePayout(simulation, findRecord(payouts, id, 'payout'), body.status)),
    ),
    control('POST /payouts/{id}/return', { body: { fee: withDefault(flag, true) } }, ({ id, body }) =>
      views.balanceTransactionView(
        returnPayout(simulation.store, findRecord(payouts, id, 'payout'), body.fee),
      ),
    ),
    control('POST /settle', {}, () => ({ settled: settleAll(simulation) })),
    // What is left out stays as it was shown before.
    control('POST /payouts/{id}/overwrite', { body: shownFields }, ({ id, body }) => {
      const payout = findRecord(payouts, id, 'payout');
      for (const name of ['amount', 'fee'] as const) assertScale(body[name] ?? '0', payout.currency, name);
      const shown = { ...payout.shown, ...fields.withoutUndefined(body) };
      return views.payoutView(views.shownPayout(payouts.put({ ...payout, shown })));
    }),
  ];
}

/** What is forgotten stays stored, and so does the money that it moved; the API denies it. */
function forgettingEndpoints({ store }: Simulation): Endpoint[] {
  const { payouts, orders, deposits, balanceTransactions } = store;
  return [
    control('POST /payouts/{id}/forget', {}, ({ id }) => {
      const payout = payouts.put({ ...findRecord(payouts, id, 'payout'), forgotten: true });
      return views.payoutView(views.shownPayout(payout));
    }),
    control('POST /orders/{id}/forget', {}, ({ id }) =>
      views.orderView(orders.put({ ...findRecord(orders, id, 'order'), forgotten: true })),
    ),
    control('POST /deposits/{id}/forget', {}, ({ id }) => {
      const deposit = findRecord(deposits, id, 'deposit');
      const transaction = balanceTransactions.get(deposit.balanceTransactionId ?? '');
      if (transaction === undefined) {
        throw badRequest('the deposit brought no money, so there is nothing to forget', 'id');
      }
      balanceTransactions.put({ ...transaction, forgotten: true });
      return views.depositView(deposit);
    }),
  ];
}

function ruleEndpoints({ store }: Simulation): Endpoint[] {
  const { payoutOutcomes, orderOutcomes } = store;
  const payoutRule = {
    outcome: choice(records.PAYOUT_OUTCOMES),
    amount: optional(looseAmount),
    destination: optional(text),
    externalOrderId: optional(text),
    times,
  };
  const orderRule = {
    status: choice(records.UNFILLED_STATUSES),
    filled: withDefault(fields.looseDecimal, '0'),
    externalOrderId: optional(text),
    times,
  };
  const payoutRuleView = ({ amount, ...rule }: records.PayoutOutcomeRecord): object => ({
    ...rule,
    amount: amount === undefined ? undefined : exactNumber(amount),
  });
  const orderRuleView = ({ filled, ...rule }: records.OrderOutcomeRecord): object => ({
    ...rule,
    filled: exactNumber(filled),
  });
  return [
    control('POST /outcomes', { body: payoutRule }, ({ body: { times: remaining, ...rule } }) =>
      payoutRuleView(payoutOutcomes.put({ id: newId(), ...rule, remaining })),
    ),
    ...activeRuleEndpoints('/outcomes', payoutOutcomes, payoutRuleView),
    control('POST /orders/outcomes', { body: orderRule }, ({ body: { times: remaining, ...rule } }) =>
      orderRuleView(orderOutcomes.put({ id: newId(), ...rule, remaining })),
    ),
    ...activeRuleEndpoints('/orders/outcomes', orderOutcomes, orderRuleView),
  ];
}

function faultEndpoints({ store }: Simulation, apiNames: readonly string[]): Endpoint[] {
  const faultFields = {
    kind: choice(Object.keys(FAULT_KINDS) as FaultKind[]),
    endpoint: withDefault(choice([...apiNames, '*']), null),
    eventType: withDefault(text, null),
    externalOrderId: withDefault(text, null),
    times,
    status: optional(integer(200, 599)),
    message: optional(text),
    retryAfterSeconds: optional(integer(0, 86_400)),
    wrapped: withDefault(flag, false),
    delayMs: optional(integer(0, MAX_WAIT_MS)),
  };
  return [
    control('POST /faults', { body: faultFields }, ({ body: { times: remaining, ...fault } }) => {
      assertApplicable(fault);
      return store.faults.put({ id: newId(), ...fault, remaining });
    }),
    ...activeRuleEndpoints('/faults', store.faults, (fault) => fault),
    control('DELETE /faults/{id}', {}, ({ id }) => {
      findRecord(store.faults, id, 'fault');
      return { removed: removeRules(store.faults, id) };
    }),
  ];
}

/** Throws 400 for a member that a fault of this kind cannot have, or must have and has not. */
function assertApplicable(fault: Omit<records.FaultRecord, 'id' | 'remaining'>): void {
  const { strikes, delays }: FaultEffect = FAULT_KINDS[fault.kind];
  const onWebhook = strikes === 'webhook';
  const rules = [
    ['endpoint', onWebhook ? 'refused' : 'required'],
    ['externalOrderId', onWebhook ? 'refused' : 'optional'],
    ['eventType', onWebhook ? 'optional' : 'refused'],
    ['delayMs', delays === true ? 'required' : 'refused'],
  ] as const;
  for (const [name, rule] of rules) {
    const isGiven = fault[name] !== null && fault[name] !== undefined;
    if (rule !== (isGiven ? 'refused' : 'required')) continue;
    throw badRequest(`${name} is ${rule} for the kind ${fault.kind}`, name);
  }
}

function eventEndpoints({ store, delivery }: Simulation): Endpoint[] {
  const { events } = store;
  const filterFields = { type: optional(text), subject: optional(text), delivery: optional(text) };
  const forgeryFields = {
    type: text,
    data: fields.json,
    signature,
    livemode: optional(flag),
    id: optional(text),
  };
  return [
    control('GET /events', { query: { ...fields.pageFields, ...filterFields } }, ({ query }) => {
      const matches = (event: records.EventRecord): boolean =>
        isWanted(query.type, event.type) &&
        isWanted(query.subject, event.subject?.id) &&
        isWanted(query.delivery, event.delivery);
      return listPage('/_simulator/events', events, query, matches, eventView);
    }),
    control('GET /events/{id}', {}, ({ id }) => eventView(findRecord(events, id, 'event'))),
    control('POST /events/{id}/resend', { body: { signature } }, async ({ id, body }) => {
      findRecord(events, id, 'event');
      return { id, attempt: await delivery.sendOnce(id, body.signature) };
    }),
    control(
      'POST /events/release',
      { body: { order: optional(choice(['oldestFirst', 'newestFirst'])) } },
      ({ body: { order } }) => ({ released: delivery.release('held', order === 'newestFirst') }),
    ),
    control('POST /events/forge', { body: forgeryFields }, async ({ body }) => {
      const { id = newId(), type, livemode = store.settings.livemode } = body;
      if (events.get(id) !== undefined) throw badRequest('the id exists already', 'id');
      putEvent(store, { id, type, livemode, data: toExactJson(body.data), delivery: 'manual' });
      return { id, attempt: await delivery.sendOnce(id, body.signature) };
    }),
  ];
}

function activeRuleEndpoints<R extends records.RuleRecord>(
  path: string,
  rules: Table<R>,
  view: (rule: R) => object,
): Endpoint[] {
  return [
    control(`GET ${path}`, {}, () => ({ data: activeRules(rules).map(view) })),
    control(`DELETE ${path}`, {}, () => ({ removed: removeRules(rules) })),
  ];
}

const control: typeof endpoint = (name, fieldsOf, serve) =>
  endpoint(name.replace(' ', ' /_simulator'), fieldsOf, serve);

function eventView(event: records.EventRecord): object {
  const { id, type, createdAt, livemode, subject, delivery, attempts, nextAttemptAt } = event;
  return {
    id,
    type,
    createdAt,
    livemode,
    subject,
    delivery,
    attempts,
    nextAttemptAt: nextAttemptAt === null ? null : new Date(nextAttemptAt).toISOString(),
    body: eventMembers(event),
  };
}

function journalView({ id, requestBody, ...entry }: records.JournalRecord): object {
  return { sequence: Number(id), ...entry, body: parsedOrText(requestBody) };
}

function parsedOrText(body: string | null): unknown {
  if (body === null) return null;
  try {
    return parseExactJson(body);
  } catch {
    return body;
  }
}
