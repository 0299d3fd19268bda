import { ClosableTimers } from './closable-timers.js';
import { Deposits } from './deposits.js';
import { FaultRegister } from './fault-register.js';
import { Ledger } from './ledger.js';
import { Market } from './market.js';
import { OrderOutcomes } from './order-outcomes.js';
import { Orders } from './orders.js';
import { PayoutOutcomes } from './payout-outcomes.js';
import { Payouts } from './payouts.js';
import { Settings, type StartSettings } from './settings.js';
import { Settlement } from './settlement.js';
import { SimulatorState } from './simulator-state.js';
import { WebhookDelivery } from './webhook-delivery.js';
import { WebhookEvents } from './webhook-events.js';

/** The simulated provider without its HTTP surfaces: everything that both the API and the control calls use. */
export interface SimulatorCore {
  readonly state: SimulatorState;
  readonly settings: Settings;
  readonly ledger: Ledger;
  readonly market: Market;
  readonly orders: Orders;
  readonly orderOutcomes: OrderOutcomes;
  readonly outcomes: PayoutOutcomes;
  readonly payouts: Payouts;
  readonly settlement: Settlement;
  readonly deposits: Deposits;
  readonly faults: FaultRegister;
  readonly events: WebhookEvents;
  readonly delivery: WebhookDelivery;
  readonly timers: ClosableTimers;
}

export interface CoreOptions {
  readonly apiKey: string;
  readonly stateDirectory: string | undefined;
  readonly start: StartSettings;
  readonly log: (line: string) => void;
}

/** Wires the parts together over what an earlier run left in the state directory; nothing moves before `resume`. */
export async function createCore(options: CoreOptions): Promise<SimulatorCore> {
  const state = await SimulatorState.open(options.stateDirectory);
  const timers = new ClosableTimers();
  const settings = new Settings(state, options.apiKey, options.start);
  const ledger = new Ledger(state);
  ledger.ensureBalances(settings.currencies());
  const market = new Market(state, settings);
  const faults = new FaultRegister(state);
  const delivery = new WebhookDelivery({ state, settings, timers, log: options.log });
  const events = new WebhookEvents(state, settings, faults, delivery);
  const settlement = new Settlement({ state, settings, ledger, events, timers });
  const outcomes = new PayoutOutcomes(state.outcomeRules);
  const orderOutcomes = new OrderOutcomes(state.orderOutcomeRules);
  return {
    state,
    settings,
    ledger,
    market,
    orders: new Orders({ state, settings, ledger, market, outcomes: orderOutcomes }),
    orderOutcomes,
    outcomes,
    payouts: new Payouts({ state, settings, ledger, market, outcomes, settlement }),
    settlement,
    deposits: new Deposits({ state, settings, ledger, events, timers }),
    faults,
    events,
    delivery,
    timers,
  };
}

/** Starts every clock that an earlier run left ticking: payouts in flight, pending deposits, undelivered events. */
export function resumeCore(core: SimulatorCore): void {
  core.settlement.resume();
  core.deposits.resume();
  core.delivery.resume();
}

/** Forgets money, objects, events, faults, rules and the journal; the settings stay. */
export function resetCore(core: SimulatorCore): void {
  core.timers.cancelAll();
  core.delivery.forgetAll();
  core.settlement.forgetAll();
  core.faults.remove();
  core.outcomes.clear();
  core.orderOutcomes.clear();
  core.state.reset();
  core.ledger.ensureBalances(core.settings.currencies());
}

export function closeCore(core: SimulatorCore): void {
  core.timers.close();
  core.delivery.close();
  core.state.close();
}
