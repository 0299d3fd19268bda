import { setTimeout as delay } from 'node:timers/promises';
import { payoutIdOfExternalId } from '../../src/domain/identifiers.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { readStorePicture, type StorePicture } from './store-watch.js';
import type { Progress } from './progress.js';
import type { SeedWorld } from './seed-world.js';
import { readSentIds } from './simulator-client.js';
import { withDatabase } from './with-database.js';

/** After the harm: everything is mended, and the engine has to bring every payout to its end by itself. */

/** How long a seed may take in all, however much still changes … */
const BOUND_MS = 300_000;
const LOOK_MS = 400;
const CANCEL_PATIENCE_MS = 2_000;

export interface SettlingOptions {
  readonly world: SeedWorld;
  readonly progress: Progress;
  readonly startedAtMs: number;
  /** … and how long without any change, after which what is left is stuck. */
  readonly standstillMs: number;
  /** True where the plan keeps the deposit away, or the campaign did not come to send all of it. */
  readonly isWithoutDeposit: (payoutId: string) => boolean;
}

interface ProviderObject {
  readonly id: string;
  /** As it was sent. */
  readonly externalOrderId: string;
  /** Shown under another id, or none. */
  readonly isAltered: boolean;
}

/** A person has looked, and what the brakes were for is over. */
export async function releaseBrakes({ caller, databaseUrl }: SeedWorld): Promise<void> {
  const { rows } = await withDatabase(databaseUrl, (database) =>
    database.query<{ readonly id: string }>('select brake_id as id from brakes where released_at is null'),
  );
  const reason = { reason: 'what it was for is over' };
  for (const { id } of rows)
    await caller.post(`/v1/brakes/${id}/release`, reason, Date.now() + CANCEL_PATIENCE_MS);
}

export class Settling {
  readonly #options: SettlingOptions;
  #actedAtMs = Date.now();

  constructor(options: SettlingOptions) {
    this.#options = options;
  }

  /** Answers with what did not come about within the bound: nothing, where all is well. */
  async settle(): Promise<readonly string[]> {
    const { world, progress } = this.#options;
    await world.simulator.control('DELETE', '/faults');
    // Prices of a clock that is behind are too old to sell at: what waits for one goes on by itself now.
    await world.simulator.control('PATCH', '/settings', { clockOffsetMs: 0 });
    await world.simulator.control('POST', '/events/release', { order: 'newestFirst' });
    const isUp = world.supervisor.settle().then(() => true);
    if (!(await Promise.race([isUp, delay(BOUND_MS, false, { ref: false })])))
      return ['the processes did not come back'];
    this.#actedAtMs = Date.now();
    progress.startAnew();
    for (;;) {
      const missing = await this.#look();
      if (missing.length === 0 || !this.#mayTakeLonger()) return missing;
      await delay(LOOK_MS);
    }
  }

  #mayTakeLonger(): boolean {
    const { startedAtMs, standstillMs, progress } = this.#options;
    const now = Date.now();
    return now < startedAtMs + BOUND_MS && now < progress.changedAtMs + standstillMs;
  }

  /** One look at everything, and what only people would do; answers with what is still to come. */
  async #look(): Promise<readonly string[]> {
    const { world, progress } = this.#options;
    await progress.look();
    await this.#endStuck();
    const store = await readStorePicture(world.databaseUrl, this.#actedAtMs);
    await releaseBrakes(world);
    const unfinished = progress.unfinished();
    await this.#giveUp(unfinished, store);
    const objects = await this.#unadopted(store);
    await this.#adopt(objects);
    return [
      ...unfinished.map(({ payoutId, status }) => `${payoutId} is ${status}`),
      ...objects.map(({ id }) => `the provider's ${id} is not in the store`),
      ...(store.isReconciled ? [] : ['the engine has not reconciled what happened last']),
    ];
  }

  /** Faults are gone and everything is shown: what a request brought about has to be found by the engine. */
  async #unadopted({ providerIds }: StorePicture): Promise<readonly ProviderObject[]> {
    const { simulator } = this.#options.world;
    const objects = [
      ...(await simulator.listAll('/api/v1/payouts')),
      ...(await simulator.listAll('/api/v1/orders')),
    ];
    const sentAs = await readSentIds(simulator);
    return objects.flatMap((object) => {
      const id = String(object['id']);
      const externalOrderId = sentAs.get(id) ?? '';
      return providerIds.has(id)
        ? []
        : [{ id, externalOrderId, isAltered: object['externalOrderId'] !== externalOrderId }];
    });
  }

  /** A person says whose it is where its answer was lost and its id is not the one that was sent. */
  async #adopt(objects: readonly ProviderObject[]): Promise<void> {
    const { caller } = this.#options.world;
    for (const { id, externalOrderId, isAltered } of objects) {
      const payoutId = payoutIdOfExternalId(externalOrderId);
      if (!isAltered || payoutId === undefined) continue;
      if (this.#options.progress.lastSeen(payoutId)?.status !== PAYOUT_STATUS.HELD) continue;
      const adoption = {
        action: 'adopt',
        providerPayoutId: id,
        reason: 'QbitPay lists it beside the request',
      };
      await caller.post(`/v1/payouts/${payoutId}/resolve`, adoption, Date.now() + CANCEL_PATIENCE_MS);
      this.#actedAtMs = Date.now();
    }
  }

  /**
   * The caller cancels what nobody funds, and nothing else: whatever has its money must go on by itself. The available
   * balance is too small for good only when nothing moves that could add to it.
   */
  async #giveUp(unfinished: ReturnType<Progress['unfinished']>, store: StorePicture): Promise<void> {
    const { isWithoutDeposit } = this.#options;
    const isAtRest =
      store.isReconciled && unfinished.every(({ status }) => status === PAYOUT_STATUS.AWAITING_BALANCE);
    for (const { payoutId, status } of unfinished) {
      const isUnfunded = status === PAYOUT_STATUS.AWAITING_DEPOSIT && isWithoutDeposit(payoutId);
      const isUnaffordable =
        status === PAYOUT_STATUS.AWAITING_BALANCE && isAtRest && store.unaffordable.has(payoutId);
      if (isUnfunded || isUnaffordable) await this.#cancel(payoutId);
    }
  }

  async #cancel(payoutId: string): Promise<void> {
    const { caller } = this.#options.world;
    await caller.cancel(payoutId, Date.now() + CANCEL_PATIENCE_MS);
    this.#actedAtMs = Date.now();
  }

  /** The provider ends what it was told to leave on its way. */
  async #endStuck(): Promise<void> {
    const { simulator } = this.#options.world;
    for (const payout of await simulator.listAll('/api/v1/payouts')) {
      if (payout['status'] !== 'inTransit') continue;
      await simulator
        .control('POST', `/payouts/${String(payout['id'])}/advance`, { status: 'paid' })
        .catch(() => undefined);
      this.#actedAtMs = Date.now();
    }
  }
}
