import { subtractAmounts } from '../domain/money.js';
import type { ClosableTimers } from './closable-timers.js';
import type { Ledger } from './ledger.js';
import { badRequest } from './provider-error.js';
import type { BalanceTransactionRecord, PayoutRecord, PayoutStatus } from './records.js';
import type { Settings } from './settings.js';
import type { SimulatorState } from './simulator-state.js';
import type { WebhookEvents } from './webhook-events.js';

/** The event of each status; `inTransition` is the provider's spelling (contract, "Webhooks"). */
const EVENT_TYPES: Readonly<Record<PayoutStatus, string>> = {
  pending: 'payout.pending',
  inTransit: 'payout.inTransition',
  paid: 'payout.paid',
  failed: 'payout.failed',
  cancelled: 'payout.cancelled',
};

const NEXT_STATUSES: Readonly<Record<PayoutStatus, readonly PayoutStatus[]>> = {
  pending: ['inTransit', 'failed', 'cancelled'],
  inTransit: ['paid', 'failed', 'cancelled'],
  paid: [],
  failed: [],
  cancelled: [],
};

/** What books the return of the money at the ends where it comes back. */
const RETURNS = {
  failed: { type: 'payout_failure', description: 'payout failed' },
  cancelled: { type: 'payout_cancel', description: 'payout cancelled' },
} as const;

/** Payouts settled in one go before other requests are served again. */
const SETTLE_CHUNK = 200;

export interface SettlementDependencies {
  readonly state: SimulatorState;
  readonly settings: Settings;
  readonly ledger: Ledger;
  readonly events: WebhookEvents;
  readonly timers: ClosableTimers;
}

/** Moves payouts through pending → inTransit → paid (or failed, or cancelled), by timers or by control calls. */
export class Settlement {
  readonly #with: SettlementDependencies;
  readonly #inFlight = new Set<string>();

  constructor(dependencies: SettlementDependencies) {
    this.#with = dependencies;
  }

  /** Takes up, after a start, what an earlier run left in flight. */
  resume(): void {
    for (const payout of this.#with.state.payouts.oldestFirst()) {
      if (NEXT_STATUSES[payout.status].length === 0) continue;
      this.#inFlight.add(payout.id);
      this.#arm(payout);
    }
  }

  /** Announces a new payout and starts its clock. */
  begin(payout: PayoutRecord): void {
    this.#inFlight.add(payout.id);
    this.#with.events.payoutChanged(EVENT_TYPES.pending, payout);
    this.#schedule(payout);
  }

  /** Moves a payout to a status; `paid` from pending passes through inTransit. Throws 400 when it cannot go there. */
  advance(payout: PayoutRecord, status: PayoutStatus): PayoutRecord {
    const start =
      payout.status === 'pending' && status === 'paid' ? this.#change(payout, 'inTransit') : payout;
    if (!NEXT_STATUSES[start.status].includes(status)) {
      throw badRequest(`a payout that is ${payout.status} cannot become ${status}`, 'status');
    }
    return this.#change(start, status);
  }

  /** Brings a payout's money back. Throws 400 unless it failed or was cancelled, and when it is back already. */
  giveBack(payout: PayoutRecord, withFee: boolean): BalanceTransactionRecord {
    const { status } = payout;
    if (!isReturning(status)) {
      throw badRequest('only a payout that failed or was cancelled comes back', 'id');
    }
    if (this.#isBack(payout)) throw badRequest('the payout came back already', 'id');
    return this.#with.ledger.book({
      currency: payout.currency,
      amount: payout.amount,
      fee: withFee ? subtractAmounts('0', payout.fee) : '0',
      source: payout.id,
      status: 'available',
      ...RETURNS[status],
    });
  }

  /** Carries every payout in flight to its end now, except those that are to be stuck; answers how many. */
  async settleAll(): Promise<number> {
    let settled = 0;
    const ids = [...this.#inFlight];
    for (let start = 0; start < ids.length; start += SETTLE_CHUNK) {
      this.#with.state.transaction(() => {
        for (const id of ids.slice(start, start + SETTLE_CHUNK)) settled += this.#finish(id) ? 1 : 0;
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
    return settled;
  }

  /** Starts or stops the clocks of all payouts in flight after the settlement setting changed. */
  reschedule(): void {
    for (const id of this.#inFlight) {
      const payout = this.#with.state.payouts.get(id);
      if (payout !== undefined) this.#schedule(payout);
    }
  }

  inFlightCount(): number {
    return this.#inFlight.size;
  }

  forgetAll(): void {
    this.#inFlight.clear();
  }

  #finish(id: string): boolean {
    const payout = this.#with.state.payouts.get(id);
    if (payout === undefined || payout.outcome === 'stuck') return false;
    if (NEXT_STATUSES[payout.status].length === 0) return false;
    this.advance(payout, payout.outcome);
    return true;
  }

  #change(payout: PayoutRecord, status: PayoutStatus): PayoutRecord {
    const arrivalDate = status === 'paid' ? new Date().toISOString() : payout.arrivalDate;
    const changed = this.#with.state.payouts.put({ ...payout, status, arrivalDate, advanceAt: null });
    const { returns, returnFees } = this.#with.settings.current;
    if (isReturning(status) && returns === 'immediate') this.giveBack(changed, returnFees);
    this.#with.events.payoutChanged(EVENT_TYPES[status], changed);
    if (NEXT_STATUSES[status].length > 0) return this.#schedule(changed);
    this.#inFlight.delete(changed.id);
    this.#with.timers.cancel(timerName(changed));
    return changed;
  }

  #isBack(payout: PayoutRecord): boolean {
    const found = this.#with.state.balanceTransactions.page(
      { limit: 1 },
      { index: { field: 'source', value: payout.id }, where: (one) => one.type !== 'payout' },
    );
    return found.length > 0;
  }

  #schedule(payout: PayoutRecord): PayoutRecord {
    const { settlement, settleAfterMs } = this.#with.settings.current;
    const waits = settlement === 'manual' || (payout.outcome === 'stuck' && payout.status === 'inTransit');
    const advanceAt = waits ? null : Date.now() + settleAfterMs;
    const scheduled = this.#with.state.payouts.put({ ...payout, advanceAt });
    this.#with.state.afterCommit(() => this.#arm(scheduled));
    return scheduled;
  }

  #arm(payout: PayoutRecord): void {
    const { timers, state } = this.#with;
    if (payout.advanceAt === null) timers.cancel(timerName(payout));
    else timers.at(timerName(payout), payout.advanceAt, () => state.transaction(() => this.#step(payout.id)));
  }

  #step(id: string): void {
    const payout = this.#with.state.payouts.get(id);
    if (payout === undefined) return;
    if (payout.status === 'pending') {
      this.#change(payout, payout.outcome === 'cancelled' ? 'cancelled' : 'inTransit');
    } else if (payout.status === 'inTransit') {
      this.#change(payout, payout.outcome === 'failed' ? 'failed' : 'paid');
    }
  }
}

function isReturning(status: PayoutStatus): status is keyof typeof RETURNS {
  return Object.hasOwn(RETURNS, status);
}

function timerName(payout: PayoutRecord): string {
  return `payout ${payout.id}`;
}
