import { setTimeout as delay } from 'node:timers/promises';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../src/domain/payout-status.js';
import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { DIFFERENCE_KIND } from '../../src/domain/reconciliation.js';
import type { CreateBody } from './caller.js';
import type { Forgery, Plan, PlannedPayout } from './plan.js';
import type { SeedWorld } from './seed-world.js';
import type { Servers } from './servers.js';
import type { AnsweredPayout } from './world.js';

/** Plays a plan against a running engine: what callers, payers, the provider and bad luck do. */

/** How long the plan may do harm; then everything is mended. */
const HARM_MS = 55_000;
/** How long a seed may take in all, until every payout has come to an end or is held … */
const BOUND_MS = 90_000;
/** … and what is added on a slow machine, as long as something changed within so much time. */
const STANDSTILL_MS = 45_000;
const HARD_BOUND_MS = 300_000;
const LOOK_MS = 400;
const CANCEL_PATIENCE_MS = 2_000;
/** Longer than it takes to notice that an activity, or the worker of a workflow, is gone. */
const QUIET_MS = 12_000;
/** Differences that the engine is about to settle by itself. */
const OPEN_DIFFERENCES: readonly string[] = [DIFFERENCE_KIND.DEPOSIT_UNSEEN, DIFFERENCE_KIND.RETURN_OVERDUE];

export interface PlayedBids {
  readonly sinceMs: number;
  readonly bid: string;
}

export class Play {
  readonly bids: PlayedBids[];
  readonly #world: SeedWorld;
  readonly #plan: Plan;
  readonly #servers: Servers;
  readonly #runId: string;
  readonly #startedAtMs = Date.now();
  readonly #opened = new Map<number, AnsweredPayout>();
  #picture = { states: '', sinceMs: 0 };
  readonly #lastSeen = new Map<string, AnsweredPayout>();

  constructor(world: SeedWorld, plan: Plan, servers: Servers, runId: string) {
    this.#world = world;
    this.#plan = plan;
    this.#servers = servers;
    this.#runId = runId;
    this.bids = [{ sinceMs: 0, bid: '6.97' }];
  }

  /** Everything that goes wrong, until all payouts are done or the time for it is over. */
  async harm(): Promise<void> {
    await this.#orderFaults();
    const acts = [
      ...this.#plan.payouts.map((payout) => this.#playPayout(payout)),
      ...this.#plan.forgeries.map((forgery) => this.#forge(forgery)),
      ...this.#plan.prices.map((price) => this.#changePrice(price)),
      this.#strikeServers(),
    ];
    const untilMs = this.#startedAtMs + HARM_MS;
    await Promise.all(acts);
    this.#picture = { ...this.#picture, sinceMs: Date.now() };
    do await delay(LOOK_MS);
    while (Date.now() < untilMs && !(await this.#isQuiet()));
  }

  /** Nothing goes wrong any more: true when every payout came to an end or is held, within the bound. */
  async settle(): Promise<boolean> {
    const { simulator, supervisor } = this.#world;
    await simulator.control('DELETE', '/faults');
    await simulator.control('POST', '/events/release', { order: 'newestFirst' });
    await supervisor.settle();
    await this.#endStuck();
    while (this.#mayTakeLonger()) {
      const isAllDone = await this.#allDone();
      const report = await this.#world.caller.reconcile();
      const isAllSeen =
        report?.inFlight === 0 && !report.differences.some(({ kind }) => OPEN_DIFFERENCES.includes(kind));
      if (isAllDone && isAllSeen) return true;
      // All money is where it belongs: what still waits for some waits for a person, who gives up here.
      if (isAllSeen) await this.#cancelWaiting();
      await this.#endStuck();
      await delay(LOOK_MS);
    }
    return false;
  }

  payoutIdOf(index: number): string {
    return `${this.#runId}.s${this.#plan.seed}.p${index}`;
  }

  async #orderFaults(): Promise<void> {
    const { control } = this.#world.simulator;
    for (const { payout, ...fault } of this.#plan.providerFaults) {
      const target = payout === undefined ? {} : { externalOrderId: this.payoutIdOf(payout) };
      await control('POST', '/faults', { ...fault, ...target });
    }
    for (const fault of this.#plan.webhookFaults) await control('POST', '/faults', fault);
    for (const { index, outcome } of this.#plan.payouts) {
      if (outcome === 'paid') continue;
      await control('POST', '/outcomes', { outcome, externalOrderId: this.payoutIdOf(index) });
    }
  }

  async #playPayout(planned: PlannedPayout): Promise<void> {
    await delay(planned.startsAtMs);
    const { caller } = this.#world;
    const body = this.#requestOf(planned);
    const untilMs = this.#startedAtMs + HARM_MS;
    const [opened] = await Promise.all(
      Array.from({ length: 1 + planned.repeats }, () => caller.open(body, untilMs)),
    );
    if (opened === undefined) return;
    this.#opened.set(planned.index, opened);
    if (planned.hasConflict) await caller.ask('conflict', { ...body, description: 'other content' });
    await Promise.all([this.#deposit(planned, opened, untilMs), this.#cancel(planned, untilMs)]);
  }

  #requestOf({ index, request }: PlannedPayout): CreateBody {
    const { currency } = request;
    const account = accountNumberOf(this.#plan.seed, index);
    return {
      payoutId: this.payoutIdOf(index),
      ...request,
      fundingCurrency: 'USDT',
      destination:
        currency === 'USDT'
          ? { type: 'wallet', payerName: 'Example Trading Ltd', addr: account }
          : {
              type: 'bankAccount',
              payerName: 'Example Trading Ltd',
              bankAccountNum: account,
              bankName: 'Example Bank',
            },
    };
  }

  async #cancel({ index, cancelAfterMs }: PlannedPayout, untilMs: number): Promise<void> {
    if (cancelAfterMs === undefined) return;
    await delay(cancelAfterMs);
    await this.#world.caller.post(`/v1/payouts/${this.payoutIdOf(index)}/cancel`, {}, untilMs);
  }

  async #deposit(planned: PlannedPayout, opened: AnsweredPayout, untilMs: number): Promise<void> {
    if (planned.deposit === undefined || opened.deposit === null) return;
    const { kind, delayMs } = planned.deposit;
    await delay(delayMs);
    const { amount } = opened.deposit;
    const send = (part: object): Promise<unknown> =>
      this.#world.simulator.control('POST', '/deposits', { currency: 'USDT', amount, ...part });
    switch (kind) {
      case 'never':
        return;
      case 'exact':
        await send({});
        return;
      case 'silent':
        await send({ notify: false });
        return;
      case 'pending':
        await send({ pendingMs: 1_200 });
        return;
      case 'lie':
        await send({ money: false });
        await delay(1_000);
        await send({});
        return;
      case 'excess':
        return this.#declareAndSend(planned, [addAmounts(amount, '7.25')], untilMs);
      case 'split':
        return this.#declareAndSend(planned, [subtractAmounts(amount, '10'), '10'], untilMs);
    }
  }

  async #declareAndSend(
    { index }: PlannedPayout,
    amounts: readonly string[],
    untilMs: number,
  ): Promise<void> {
    const payoutId = this.payoutIdOf(index);
    for (const [part, amount] of amounts.entries()) {
      const txHash = `tx${this.#runId}s${this.#plan.seed}p${index}n${part}`
        .replaceAll(/[^A-Za-z0-9]/g, '')
        .padEnd(20, 'x');
      await this.#world.caller.post(`/v1/payouts/${payoutId}/deposit`, { txHash }, untilMs);
      await this.#world.simulator.control('POST', '/deposits', { currency: 'USDT', amount, txHash });
    }
  }

  /** Events of things that never happened: signed like real ones, or badly. */
  async #forge({ type, signature, atMs, payout }: Forgery): Promise<void> {
    await delay(atMs);
    const opened = this.#opened.get(payout);
    if (opened === undefined) return;
    const current = this.#lastSeen.get(opened.payoutId);
    const data =
      type === 'deposit.confirmed'
        ? {
            id: `forged-${opened.payoutId}`,
            currency: 'USDT',
            amount: opened.deposit?.amount ?? '100',
            addr: opened.deposit?.address ?? 'x',
          }
        : {
            id: current?.providerPayoutId ?? 'forged',
            externalOrderId: opened.payoutId,
            status: type === 'payout.paid' ? 'paid' : 'failed',
          };
    // Nobody may be there to take it.
    await this.#world.simulator
      .control('POST', '/events/forge', { type, signature, data })
      .catch(() => undefined);
  }

  async #changePrice({ atMs, bid, ask }: Plan['prices'][number]): Promise<void> {
    await delay(atMs);
    this.bids.push({ sinceMs: Date.now(), bid });
    await this.#world.simulator.control('POST', '/price', { symbol: 'USDT/CNY', bid, ask });
  }

  async #strikeServers(): Promise<void> {
    const { strike } = this.#servers;
    if (strike === undefined) return;
    for (const fault of this.#plan.serverFaults) {
      await delay(fault.atMs);
      await strike(fault);
      this.#world.supervisor.interruptions.push({ atMs: Date.now(), what: `${fault.server} serves again` });
    }
  }

  /** Nothing is left that would change by itself, or nothing has changed for a while. */
  async #isQuiet(): Promise<boolean> {
    await this.#allDone();
    if (Date.now() > this.#picture.sinceMs + QUIET_MS) return true;
    return this.#plan.payouts.every(({ index, deposit, outcome }) => {
      const status = this.#lastSeen.get(this.payoutIdOf(index))?.status;
      if (!this.#opened.has(index) || isDone(status)) return true;
      if (status === PAYOUT_STATUS.AWAITING_DEPOSIT) return deposit?.kind === 'never';
      return status === PAYOUT_STATUS.IN_TRANSIT
        ? outcome === 'stuck'
        : status === PAYOUT_STATUS.AWAITING_BALANCE;
    });
  }

  #mayTakeLonger(): boolean {
    const now = Date.now();
    if (now < this.#startedAtMs + BOUND_MS) return true;
    return now < this.#startedAtMs + HARD_BOUND_MS && now < this.#picture.sinceMs + STANDSTILL_MS;
  }

  async #allDone(): Promise<boolean> {
    const states = await this.#readAll();
    const picture = [...states.values()].map(({ payoutId, status }) => `${payoutId} ${status}`).join('\n');
    if (picture !== this.#picture.states) this.#picture = { states: picture, sinceMs: Date.now() };
    return this.#acceptedIds().every((payoutId) => isDone(states.get(payoutId)?.status));
  }

  /** Whoever was answered that a payout exists may count on it. */
  #acceptedIds(): readonly string[] {
    const accepted = this.#world.caller.answers.filter(
      ({ kind, payout }) => kind === 'create' && payout !== undefined,
    );
    return [...new Set(accepted.map(({ payoutId }) => payoutId))];
  }

  async #readAll(): Promise<ReadonlyMap<string, AnsweredPayout>> {
    for (const payoutId of this.#acceptedIds()) {
      if (isDone(this.#lastSeen.get(payoutId)?.status) && this.#lastSeen.get(payoutId)?.status !== 'held')
        continue;
      const payout = await this.#world.caller.read(payoutId);
      if (payout !== undefined) this.#lastSeen.set(payoutId, payout);
    }
    return this.#lastSeen;
  }

  async #cancelWaiting(): Promise<void> {
    const waiting: readonly string[] = [PAYOUT_STATUS.AWAITING_DEPOSIT, PAYOUT_STATUS.AWAITING_BALANCE];
    for (const [payoutId, { status }] of this.#lastSeen) {
      if (!waiting.includes(status)) continue;
      await this.#world.caller.post(`/v1/payouts/${payoutId}/cancel`, {}, Date.now() + CANCEL_PATIENCE_MS);
    }
  }

  async #endStuck(): Promise<void> {
    const { simulator } = this.#world;
    for (const payout of await simulator.listAll('/api/v1/payouts')) {
      if (payout['status'] !== 'inTransit') continue;
      await simulator
        .control('POST', `/payouts/${String(payout['id'])}/advance`, { status: 'paid' })
        .catch(() => undefined);
    }
  }
}

function isDone(status: string | undefined): boolean {
  if (status === undefined) return false;
  return status === PAYOUT_STATUS.HELD || isFinalStatus(status as PayoutStatus);
}

/** Long enough to be found wherever it does not belong. */
export function accountNumberOf(seed: number, index: number): string {
  return `62220202${String(seed).padStart(6, '0')}${String(index).padStart(2, '0')}7741`;
}
