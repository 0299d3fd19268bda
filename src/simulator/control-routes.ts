import type { FastifyInstance } from 'fastify';
import { apiEndpoints } from './api-endpoints.js';
import { endpointName } from './api-routes.js';
import { ControlSurface } from './control-calls.js';
import { registerDiscrepancyControl } from './control-discrepancies.js';
import { registerEventControl } from './control-events.js';
import { registerFaultControl } from './control-faults.js';
import { registerMoneyControl } from './control-money.js';
import { readPrice, readSettings, settingsView, symbolsView } from './control-settings.js';
import { parseExactJson } from './exact-json.js';
import type { JournalRecord } from './records.js';
import { resetCore, type SimulatorCore } from './simulator-core.js';
import { balanceView } from './wire-views.js';

/** The longest latency that can be set: ten minutes. */
const MAX_LATENCY_MS = 600_000;
const MAX_JOURNAL_PAGE = 10_000;

/** The control surface, `/_simulator`: what happens outside the API, and what goes wrong. Without authentication. */
export function registerControl(app: FastifyInstance, core: SimulatorCore): void {
  const surface = new ControlSurface(app, core);
  const endpoints = apiEndpoints(core).map(endpointName);
  registerOverview(surface);
  registerMarketControl(surface, endpoints);
  registerMoneyControl(surface);
  registerDiscrepancyControl(surface);
  registerFaultControl(surface, endpoints);
  registerEventControl(surface);
}

function registerOverview(surface: ControlSurface): void {
  const { core } = surface;
  const { state } = core;
  surface.on('GET', '/state', () => ({
    balances: [...state.balances.oldestFirst()].map(balanceView),
    symbols: symbolsView(core.settings),
    counts: {
      payouts: state.payouts.size,
      payoutsInFlight: core.settlement.inFlightCount(),
      orders: state.orders.size,
      deposits: state.deposits.size,
      charges: state.charges.size,
      balanceTransactions: state.balanceTransactions.size,
      events: state.events.size,
      journal: state.journal.size,
    },
    faults: core.faults.active().length,
    outcomes: core.outcomes.active().length,
  }));
  surface.on('POST', '/reset', ({ fields }) => {
    fields.end();
    resetCore(core);
    return { reset: true };
  });
  surface.on('GET', '/journal', ({ query }) => {
    const after = query.optionalInteger('after', 0, Number.MAX_SAFE_INTEGER) ?? 0;
    const limit = query.optionalInteger('limit', 1, MAX_JOURNAL_PAGE) ?? 1000;
    const endpoint = query.optionalText('endpoint');
    query.end();
    const data: object[] = [];
    for (const entry of state.journal.oldestFirst(after)) {
      if (data.length === limit) break;
      if (endpoint === undefined || entry.endpoint === endpoint) data.push(journalView(entry));
    }
    return { object: 'list', url: '/_simulator/journal', data };
  });
}

function registerMarketControl(surface: ControlSurface, endpoints: readonly string[]): void {
  const { settings, ledger, market, settlement, delivery, state } = surface.core;
  surface.on('GET', '/settings', () => settingsView(settings));
  surface.on('PATCH', '/settings', ({ fields }) => {
    const { apiKey, changes } = readSettings(fields);
    const before = settings.current;
    const after = settings.change(changes);
    if (apiKey !== undefined) settings.apiKey = apiKey;
    ledger.ensureBalances(settings.currencies());
    const clockChanged =
      before.settlement !== after.settlement || before.settleAfterMs !== after.settleAfterMs;
    if (clockChanged) settlement.reschedule();
    if (after.webhookUrl !== null) state.afterCommit(() => delivery.releaseWaiting());
    return settingsView(settings);
  });
  surface.on('POST', '/price', ({ fields }) => {
    const price = readPrice(fields);
    const expireQuotes = fields.optionalBoolean('expireQuotes') ?? false;
    fields.end();
    settings.change({ prices: { ...settings.current.prices, ...price } });
    ledger.ensureBalances(settings.currencies());
    if (expireQuotes) for (const symbol of Object.keys(price)) market.expireQuotes(symbol);
    return { symbols: symbolsView(settings) };
  });
  surface.on('POST', '/latency', ({ fields }) => {
    const latencyMs = fields.optionalInteger('ms', 0, MAX_LATENCY_MS) ?? 0;
    const endpoint = fields.optionalChoice('endpoint', endpoints);
    fields.end();
    const { latencyByEndpoint } = settings.current;
    settings.change(
      endpoint === undefined
        ? { latencyMs, latencyByEndpoint: {} }
        : { latencyByEndpoint: { ...latencyByEndpoint, [endpoint]: latencyMs } },
    );
    const { latencyMs: ms, latencyByEndpoint: byEndpoint } = settings.current;
    return { ms, byEndpoint };
  });
}

function journalView(entry: JournalRecord): object {
  const { id, at, servedAt, method, path, endpoint, status, fault, effects } = entry;
  const body = parsedOrText(entry.requestBody);
  return { sequence: Number(id), at, servedAt, method, path, endpoint, body, status, fault, effects };
}

function parsedOrText(body: string | null): unknown {
  if (body === null) return null;
  try {
    return parseExactJson(body);
  } catch {
    return body;
  }
}
