import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../src/domain/payout-status.js';
import type { Caller } from './caller.js';
import { acceptedIds, type AnsweredPayout } from './world.js';

/** How far the payouts of a seed have come, as its caller sees them. */
export class Progress {
  readonly #caller: Caller;
  readonly #lastSeen = new Map<string, AnsweredPayout>();
  #picture = '';
  #changedAtMs = Date.now();

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** When a payout was last seen to have another status than before. */
  get changedAtMs(): number {
    return this.#changedAtMs;
  }

  /** Something else happened after which the payouts get all the time for a change again. */
  startAnew(): void {
    this.#changedAtMs = Date.now();
  }

  /** Reads every payout, also those that have ended: an end must stay one. */
  async look(): Promise<void> {
    for (const payoutId of acceptedIds(this.#caller.answers)) {
      const payout = await this.#caller.read(payoutId);
      if (payout !== undefined) this.#lastSeen.set(payoutId, payout);
    }
    const picture = [...this.#lastSeen.values()]
      .map(({ payoutId, status }) => `${payoutId} ${status}`)
      .join('\n');
    if (picture === this.#picture) return;
    this.#picture = picture;
    this.startAnew();
  }

  lastSeen(payoutId: string): AnsweredPayout | undefined {
    return this.#lastSeen.get(payoutId);
  }

  /** Accepted, and neither at an end nor held. */
  unfinished(): readonly { readonly payoutId: string; readonly status: string }[] {
    return acceptedIds(this.#caller.answers)
      .map((payoutId) => ({ payoutId, status: this.#lastSeen.get(payoutId)?.status ?? 'not seen' }))
      .filter(({ status }) => !isDone(status));
  }
}

export function isDone(status: string | undefined): boolean {
  if (status === undefined) return false;
  return status === PAYOUT_STATUS.HELD || isFinalStatus(status as PayoutStatus);
}
