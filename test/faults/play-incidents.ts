import { setTimeout as delay } from 'node:timers/promises';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { Incidents } from './plan.js';
import type { SeedWorld } from './seed-world.js';
import type { Servers } from './servers.js';
import { isEnd, type AnsweredPayout } from './world.js';

/** What happens to the whole account, or to a server, while payouts are on their way. */

/** Long enough for dozens of syncs of the campaign's engine. */
const VANISHED_MS = 6_000;
/** So long that whatever was under way before is over. */
const BRAKED_MS = 15_000;
/** Until processes have started with the wrong key, and have seen it. */
const ANOTHER_ACCOUNT_MS = 8_000;
const FLOOD = 150;
const LOOK_MS = 300;

export const INCIDENT = {
  SKEWED_CLOCK: 'skewed clock',
  SHORT_PAGES: 'short and shifting pages',
  VANISHED: 'vanished payout',
  TAKEN_BACK: 'deposit taken back',
  ANOTHER_ACCOUNT: 'another account',
  TEMPORAL_LOST: "Temporal's database lost",
  FLOOD: 'flood of events',
  BRAKED: 'brake by hand',
} as const;
export type Incident = (typeof INCIDENT)[keyof typeof INCIDENT];

export interface IncidentsStage {
  readonly incidents: Incidents;
  readonly world: SeedWorld;
  readonly servers: Servers;
  readonly payoutIdOf: (index: number) => string;
  readonly untilMs: number;
}

export class PlayedIncidents {
  /** Those that came about. */
  readonly struck: Incident[] = [];
  /** Deposits that QbitPay took back. */
  readonly takenBack: string[] = [];
  /** The cause of a brake lasts: no person would release it. */
  isBraked = false;
  readonly #stage: IncidentsStage;

  constructor(stage: IncidentsStage) {
    this.#stage = stage;
  }

  /** Before anything else happens. */
  async arrange(): Promise<void> {
    const { clockOffsetMs, pageSize } = this.#stage.incidents;
    if (clockOffsetMs === undefined || pageSize === undefined) return;
    const settings = { clockOffsetMs, pageSize, paging: 'byOffset' };
    await this.#stage.world.simulator.control('PATCH', '/settings', settings);
    this.struck.push(INCIDENT.SKEWED_CLOCK, INCIDENT.SHORT_PAGES);
  }

  async play(): Promise<void> {
    await Promise.all([this.#vanish(), this.#takeBack(), this.#flood(), this.#brake(), this.#strikeAll()]);
  }

  /** QbitPay does not show a payout that it has accepted, and shows it again later. */
  async #vanish(): Promise<void> {
    const { incidents, world } = this.#stage;
    if (incidents.vanished === undefined) return;
    const payout = await this.#until(incidents.vanished, ({ status }) => status === PAYOUT_STATUS.IN_TRANSIT);
    if (payout?.providerPayoutId == null) return;
    const path = `/payouts/${payout.providerPayoutId}/forget`;
    await world.simulator.control('POST', path, {});
    this.struck.push(INCIDENT.VANISHED);
    await delay(VANISHED_MS);
    await world.simulator.control('POST', path, { forgotten: false });
  }

  /** The deposit of a payout that a person holds is taken back; then the payout is let go. */
  async #takeBack(): Promise<void> {
    const { incidents, world, untilMs, payoutIdOf } = this.#stage;
    if (incidents.takenBack === undefined) return;
    const payoutId = payoutIdOf(incidents.takenBack);
    const opened = await this.#until(incidents.takenBack, ({ deposit }) => deposit !== null);
    if (opened?.deposit == null) return;
    const decide = (operation: string): Promise<number | undefined> =>
      world.caller.post(`/v1/payouts/${payoutId}/${operation}`, { reason: 'the payer is checked' }, untilMs);
    await decide('hold');
    const { amount } = opened.deposit;
    const { id } = await world.simulator.control('POST', '/deposits', { currency: 'USDT', amount });
    await this.#until(incidents.takenBack, ({ isFunded }) => isFunded);
    await world.simulator.control('POST', `/deposits/${String(id)}/forget`, {});
    await world.simulator.control('POST', '/balances/adjust', { currency: 'USDT', amount: `-${amount}` });
    this.takenBack.push(String(id));
    this.struck.push(INCIDENT.TAKEN_BACK);
    await decide('resume');
    await this.#until(incidents.takenBack, ({ holdReason }) => holdReason === FAILURE_TYPE.DEPOSIT_MISSING);
    await world.caller.cancel(payoutId, untilMs);
  }

  async #brake(): Promise<void> {
    const { incidents, world, untilMs } = this.#stage;
    if (incidents.brakedAtMs === undefined) return;
    await delay(incidents.brakedAtMs);
    this.isBraked = true;
    const status = await world.caller.post('/v1/brakes', { reason: 'QbitPay asked us to wait' }, untilMs);
    if (status === 200) this.struck.push(INCIDENT.BRAKED);
    await delay(BRAKED_MS);
    this.isBraked = false;
  }

  /** One after the other: each ends processes, or the server that they need. */
  async #strikeAll(): Promise<void> {
    const { incidents, world, servers } = this.#stage;
    if (incidents.anotherAccountAtMs !== undefined) {
      await delay(incidents.anotherAccountAtMs);
      this.isBraked = true;
      await world.supervisor.restart(() => world.readAccount('another'));
      this.struck.push(INCIDENT.ANOTHER_ACCOUNT);
      await delay(ANOTHER_ACCOUNT_MS);
      await world.supervisor.restart(() => world.readAccount('own'));
      this.isBraked = false;
    }
    if (incidents.temporalLostAtMs !== undefined && servers.strike !== undefined) {
      await delay(incidents.temporalLostAtMs);
      await servers.strike({ server: 'temporal', downMs: 500, isLost: true });
      this.struck.push(INCIDENT.TEMPORAL_LOST);
      world.supervisor.interruptions.push({ atMs: Date.now(), what: 'temporal serves again, empty' });
    }
  }

  /** Ends of a payout that has not ended, deposits that never came, and all that was true once more. */
  async #flood(): Promise<void> {
    const { incidents, world } = this.#stage;
    if (incidents.flooded === undefined) return;
    const { control, listAll } = world.simulator;
    const payout = await this.#until(incidents.flooded, ({ status }) => status === PAYOUT_STATUS.IN_TRANSIT);
    for (let count = 0; count < FLOOD; count += 1) {
      const isOfPayout = count % 2 === 0;
      const data = isOfPayout
        ? { id: payout?.providerPayoutId ?? 'flood', externalOrderId: payout?.payoutId, status: 'failed' }
        : { id: `flood-${count}`, currency: 'USDT', amount: `77.${100 + count}` };
      const type = isOfPayout ? 'payout.failed' : 'deposit.confirmed';
      // Nobody may be there to take it.
      await control('POST', '/events/forge', { type, data }).catch(() => undefined);
    }
    for (const { id, delivery } of await listAll('/_simulator/events')) {
      if (delivery === 'acknowledged') await control('POST', `/events/${String(id)}/resend`, {});
    }
    this.struck.push(INCIDENT.FLOOD);
  }

  async #until(
    index: number,
    isWanted: (payout: AnsweredPayout) => boolean,
  ): Promise<AnsweredPayout | undefined> {
    const { world, payoutIdOf, untilMs } = this.#stage;
    for (; Date.now() < untilMs; await delay(LOOK_MS)) {
      const payout = await world.caller.read(payoutIdOf(index));
      if (payout !== undefined && isWanted(payout)) return payout;
      if (payout !== undefined && isEnd(payout.status)) return undefined;
    }
    return undefined;
  }
}
