import { setTimeout as delay } from 'node:timers/promises';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { accountNumberOf } from './canaries.js';
import type { CreateBody } from './caller.js';
import type { Forgery, Plan, PlannedPayout } from './plan.js';
import { PlayedIncidents } from './play-incidents.js';
import { isDone, Progress } from './progress.js';
import type { SeedWorld } from './seed-world.js';
import type { Servers } from './servers.js';
import { releaseBrakes, Settling } from './settling.js';
import type { AnsweredPayout } from './world.js';

/** Plays a plan against a running engine: what callers, payers, the provider and bad luck do. */

/** How long callers and payers try … */
const HARM_MS = 55_000;
/** … and how long faults and crashes may come after that on a slow machine, as long as something changes. */
const LONGEST_HARM_MS = 150_000;
const LOOK_MS = 400;
/** How long a forged event waits for the object that it is about. */
const SUBJECT_MS = 15_000;
/** Far longer than it takes to notice that an activity, or the worker of a workflow, is gone: machines are busy. */
const QUIET_MS = 30_000;
/** How long crashes that are still to come may take when all payouts have ended. */
const AFTERMATH_MS = 8_000;

export interface PlayedBids {
  readonly sinceMs: number;
  readonly bid: string;
}

export class Play {
  readonly bids: PlayedBids[];
  /** Events of things that never happened, as far as they were sent. */
  forged = 0;
  readonly incidents: PlayedIncidents | undefined;
  readonly #world: SeedWorld;
  readonly #plan: Plan;
  readonly #servers: Servers;
  readonly #runId: string;
  readonly #startedAtMs = Date.now();
  readonly #progress: Progress;
  readonly #opened = new Map<number, AnsweredPayout>();
  /** Payouts whose deposit was sent, all of it. */
  readonly #funded = new Set<number>();

  constructor(world: SeedWorld, plan: Plan, servers: Servers, runId: string) {
    this.#world = world;
    this.#plan = plan;
    this.#servers = servers;
    this.#runId = runId;
    this.#progress = new Progress(world.caller);
    this.bids = [{ sinceMs: 0, bid: '6.97' }];
    const untilMs = this.#startedAtMs + LONGEST_HARM_MS;
    const payoutIdOf = (index: number): string => this.payoutIdOf(index);
    this.incidents =
      plan.incidents &&
      new PlayedIncidents({ incidents: plan.incidents, world, servers, payoutIdOf, untilMs });
  }

  /** Everything that goes wrong, until all payouts are done or the time for it is over. */
  async harm(): Promise<void> {
    await this.#orderFaults();
    const untilMs = this.#startedAtMs + LONGEST_HARM_MS;
    const acts = [
      ...this.#plan.payouts.map((payout) => this.#playPayout(payout)),
      ...this.#plan.forgeries.map((forgery) => this.#forge(forgery)),
      ...this.#plan.prices.map((price) => this.#changePrice(price)),
      this.#strikeServers(),
      this.#sendBack(untilMs),
      ...(this.incidents === undefined ? [] : [this.incidents.play()]),
    ];
    let areOver = false;
    const over = Promise.all(acts).finally(() => (areOver = true));
    while (!areOver) await this.#lookAfter();
    await over;
    this.#progress.startAnew();
    do await this.#lookAfter();
    while (Date.now() < untilMs && !(await this.#isQuiet()));
    await this.#awaitLastCrashes();
  }

  /** A person releases the brakes whose cause is over. */
  async #lookAfter(): Promise<void> {
    await delay(LOOK_MS);
    if (this.incidents?.isBraked === true) return;
    // The database may be away: the next look comes soon.
    await releaseBrakes(this.#world).catch(() => undefined);
  }

  /** A payout that has ended may still have money on its way back, and a process come to its crash with that. */
  async #awaitLastCrashes(): Promise<void> {
    const { hits } = this.#world.supervisor;
    const untilMs = Date.now() + AFTERMATH_MS;
    while (hits.length < this.#plan.crashes.length && Date.now() < untilMs) await delay(LOOK_MS);
  }

  /** Nothing goes wrong any more; answers with what did not come about within the bound. */
  async settle(standstillMs: number): Promise<readonly string[]> {
    const missing = await new Settling({
      world: this.#world,
      progress: this.#progress,
      startedAtMs: this.#startedAtMs,
      standstillMs,
      isWithoutDeposit: (payoutId) => this.#isWithoutDeposit(payoutId),
    }).settle();
    await this.#askAgain();
    return missing;
  }

  #isWithoutDeposit(payoutId: string): boolean {
    const planned = this.#plan.payouts.find(({ index }) => this.payoutIdOf(index) === payoutId);
    return planned === undefined || planned.deposit?.kind === 'never' || !this.#funded.has(planned.index);
  }

  /** When all is over: a last reading of each payout, and the request for it once more. */
  async #askAgain(): Promise<void> {
    const { caller } = this.#world;
    for (const planned of this.#plan.payouts) {
      await caller.read(this.payoutIdOf(planned.index));
      await caller.ask('create', this.#requestOf(planned));
    }
  }

  payoutIdOf(index: number): string {
    return `${this.#runId}.s${this.#plan.seed}.p${index}`;
  }

  async #orderFaults(): Promise<void> {
    const { control } = this.#world.simulator;
    await this.incidents?.arrange();
    const { oddities, providerFaults } = this.#plan;
    if (oddities !== undefined) {
      const { externalOrderIds, visibleAfterMs } = oddities;
      await control('PATCH', '/settings', { externalOrderIds, visibleAfterMs });
    }
    for (const { payout, ...fault } of [...(oddities?.falseRefusals ?? []), ...providerFaults]) {
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
    await this.#world.caller.cancel(this.payoutIdOf(index), untilMs);
  }

  async #deposit(planned: PlannedPayout, opened: AnsweredPayout, untilMs: number): Promise<void> {
    if (planned.deposit === undefined || opened.deposit === null) return;
    await delay(planned.deposit.delayMs);
    const isAllSent = await this.#send(planned, opened.deposit.amount, untilMs);
    if (isAllSent) this.#funded.add(planned.index);
  }

  /** True when all of the deposit, and where it is needed its declaration, was sent. */
  async #send(planned: PlannedPayout, amount: string, untilMs: number): Promise<boolean> {
    const send = async (part: object): Promise<true> => {
      await this.#world.simulator.control('POST', '/deposits', { currency: 'USDT', amount, ...part });
      return true;
    };
    switch (planned.deposit?.kind) {
      case undefined:
      case 'never':
      case 'takenBack':
        return false;
      case 'exact':
        return send({});
      case 'silent':
        return send({ notify: false });
      case 'pending':
        return send({ pendingMs: 1_200 });
      case 'lie':
        await send({ money: false });
        await delay(1_000);
        return send({});
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
  ): Promise<boolean> {
    const payoutId = this.payoutIdOf(index);
    let isDeclared = true;
    for (const [part, amount] of amounts.entries()) {
      const txHash = `tx${this.#runId}s${this.#plan.seed}p${index}n${part}`
        .replaceAll(/[^A-Za-z0-9]/g, '')
        .padEnd(20, 'x');
      const status = await this.#world.caller.post(`/v1/payouts/${payoutId}/deposit`, { txHash }, untilMs);
      // A refusal is an answer: the engine then has to do without.
      isDeclared &&= status !== undefined;
      await this.#world.simulator.control('POST', '/deposits', { currency: 'USDT', amount, txHash });
    }
    return isDeclared;
  }

  /** Events of things that never happened: signed like real ones, or badly. */
  async #forge({ type, signature, atMs, payout }: Forgery): Promise<void> {
    await delay(atMs);
    const { opened, providerPayoutId } = await this.#awaitSubject(payout, type);
    if (opened === undefined) return;
    const data =
      type === 'deposit.confirmed'
        ? {
            id: `forged-${opened.payoutId}`,
            currency: 'USDT',
            amount: opened.deposit?.amount ?? '100',
            addr: opened.deposit?.address ?? 'x',
          }
        : {
            id: providerPayoutId ?? 'forged',
            externalOrderId: opened.payoutId,
            status: type === 'payout.paid' ? 'paid' : 'failed',
          };
    // Nobody may be there to take it.
    await this.#world.simulator
      .control('POST', '/events/forge', { type, signature, data })
      .then(() => (this.forged += 1))
      .catch(() => undefined);
  }

  /** An event that names the real object is the one to fall for: there is none before the provider has it. */
  async #awaitSubject(
    index: number,
    type: Forgery['type'],
  ): Promise<{
    readonly opened: AnsweredPayout | undefined;
    readonly providerPayoutId: string | null | undefined;
  }> {
    const { caller } = this.#world;
    for (const untilMs = Date.now() + SUBJECT_MS; ; await delay(LOOK_MS)) {
      const opened = this.#opened.get(index);
      const current = opened && (await caller.read(opened.payoutId));
      const providerPayoutId = current?.providerPayoutId;
      const isThere = type === 'deposit.confirmed' ? opened !== undefined : providerPayoutId != null;
      if (isThere || isDone(current?.status) || Date.now() > untilMs) return { opened, providerPayoutId };
    }
  }

  async #changePrice({ atMs, bid, ask }: Plan['prices'][number]): Promise<void> {
    await delay(atMs);
    this.bids.push({ sinceMs: Date.now(), bid });
    await this.#world.simulator.control('POST', '/price', { symbol: 'USDT/CNY', bid, ask });
  }

  /** The bank has paid, and sends the money back. */
  async #sendBack(untilMs: number): Promise<void> {
    const { oddities } = this.#plan;
    if (oddities === undefined) return;
    const { caller, simulator } = this.#world;
    const payoutId = this.payoutIdOf(oddities.sentBack);
    const untilStatus = async (wanted: string): Promise<AnsweredPayout | undefined> => {
      for (; Date.now() < untilMs; await delay(LOOK_MS)) {
        const payout = await caller.read(payoutId);
        if (payout?.status === wanted) return payout;
      }
      return undefined;
    };
    const paid = await untilStatus(PAYOUT_STATUS.PAID);
    if (paid?.providerPayoutId == null) return;
    await simulator.control('POST', `/payouts/${paid.providerPayoutId}/advance`, { status: 'failed' });
    await untilStatus(PAYOUT_STATUS.RETURNED);
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
    await this.#progress.look();
    if (Date.now() > this.#progress.changedAtMs + QUIET_MS) return true;
    return this.#plan.payouts.every(({ index, deposit, outcome }) => {
      const status = this.#progress.lastSeen(this.payoutIdOf(index))?.status;
      if (!this.#opened.has(index) || isDone(status)) return true;
      if (status === PAYOUT_STATUS.AWAITING_DEPOSIT) return deposit?.kind === 'never';
      return status === PAYOUT_STATUS.IN_TRANSIT
        ? outcome === 'stuck'
        : status === PAYOUT_STATUS.AWAITING_BALANCE;
    });
  }
}
