import { subtractAmounts } from '../domain/money.js';
import { book } from './ledger.js';
import { badRequest } from './provider-error.js';
import type { BalanceTransactionRecord, PayoutRecord, PayoutStatus } from './records.js';
import type { Simulation } from './simulation.js';
import type { Store } from './store.js';
import { announcePayout } from './webhook-events.js';

interface StatusRules {
  readonly next: readonly PayoutStatus[];
  /** What books the return of the money at an end where it comes back. */
  readonly returnType?: 'payout_failure' | 'payout_cancel';
}

const STATUSES: Readonly<Record<PayoutStatus, StatusRules>> = {
  pending: { next: ['inTransit', 'failed', 'cancelled'] },
  inTransit: { next: ['paid', 'failed', 'cancelled'] },
  paid: { next: [] },
  failed: { next: [], returnType: 'payout_failure' },
  cancelled: { next: [], returnType: 'payout_cancel' },
};

/** Payouts move pending → inTransit → paid (or failed, or cancelled), by timers or by control calls. */
export function payoutsInFlight({ payouts }: Store): PayoutRecord[] {
  return [...payouts].filter(({ status }) => STATUSES[status].next.length > 0);
}

/** Announces a new payout and starts its clock. */
export function beginPayout(simulation: Simulation, payout: PayoutRecord): PayoutRecord {
  announcePayout(simulation, payout);
  return schedule(simulation, payout);
}

/** Moves a payout to a status; `paid` from pending passes through inTransit. Throws 400 when it cannot go there. */
export function advancePayout(
  simulation: Simulation,
  payout: PayoutRecord,
  status: PayoutStatus,
): PayoutRecord {
  const passesTransit = payout.status === 'pending' && status === 'paid';
  const start = passesTransit ? change(simulation, payout, 'inTransit') : payout;
  if (!STATUSES[start.status].next.includes(status)) {
    throw badRequest(`a payout that is ${payout.status} cannot become ${status}`, 'status');
  }
  return change(simulation, start, status);
}

/** Brings a payout's money back. Throws 400 unless it failed or was cancelled, and when it is back already. */
export function returnPayout(store: Store, payout: PayoutRecord, withFee: boolean): BalanceTransactionRecord {
  const { id, currency, amount, status } = payout;
  const { returnType } = STATUSES[status];
  if (returnType === undefined)
    throw badRequest('only a payout that failed or was cancelled comes back', 'id');
  if (payout.returned === true) throw badRequest('the payout came back already', 'id');
  store.payouts.put({ ...payout, returned: true });
  const fee = withFee ? subtractAmounts('0', payout.fee) : '0';
  return book(store, {
    currency,
    amount,
    fee,
    source: id,
    type: returnType,
    description: `payout ${status}`,
  });
}

/** Carries every payout in flight to its end now, except those that are to be stuck; answers how many. */
export function settleAll(simulation: Simulation): number {
  let settled = 0;
  for (const payout of payoutsInFlight(simulation.store)) {
    if (payout.outcome === 'stuck') continue;
    advancePayout(simulation, payout, payout.outcome);
    settled += 1;
  }
  return settled;
}

/** Starts or stops the clocks of all payouts in flight after the settlement setting changed. */
export function reschedulePayouts(simulation: Simulation): void {
  for (const payout of payoutsInFlight(simulation.store)) schedule(simulation, payout);
}

/** Takes up, after a start, what an earlier run left in flight. */
export function resumePayouts(simulation: Simulation): void {
  for (const payout of payoutsInFlight(simulation.store)) arm(simulation, payout);
}

function change(simulation: Simulation, payout: PayoutRecord, status: PayoutStatus): PayoutRecord {
  const { store } = simulation;
  const { returns, returnFees } = store.settings;
  const arrivalDate = status === 'paid' ? new Date().toISOString() : payout.arrivalDate;
  const changed = store.payouts.put({ ...payout, status, arrivalDate });
  if (STATUSES[status].returnType !== undefined && returns === 'immediate')
    returnPayout(store, changed, returnFees);
  announcePayout(simulation, changed);
  return schedule(simulation, store.payouts.get(changed.id) ?? changed);
}

function schedule(simulation: Simulation, payout: PayoutRecord): PayoutRecord {
  const { store } = simulation;
  const { settlement, settleAfterMs } = store.settings;
  const isStuck = payout.outcome === 'stuck' && payout.status === 'inTransit';
  const waits = settlement === 'manual' || isStuck || STATUSES[payout.status].next.length === 0;
  const scheduled = store.payouts.put({ ...payout, advanceAt: waits ? null : Date.now() + settleAfterMs });
  store.afterCommit(() => arm(simulation, scheduled));
  return scheduled;
}

function arm(simulation: Simulation, { id, advanceAt }: PayoutRecord): void {
  const { timers, store } = simulation;
  const name = `payout ${id}`;
  if (advanceAt === null) timers.cancel(name);
  else timers.at(name, advanceAt, () => store.transaction(() => step(simulation, id)));
}

function step(simulation: Simulation, id: string): void {
  const payout = simulation.store.payouts.get(id);
  if (payout?.status === 'pending') {
    change(simulation, payout, payout.outcome === 'cancelled' ? 'cancelled' : 'inTransit');
  } else if (payout?.status === 'inTransit') {
    change(simulation, payout, payout.outcome === 'failed' ? 'failed' : 'paid');
  }
}
