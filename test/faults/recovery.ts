import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { Interruption } from './supervisor.js';
import type { StoreWorld } from './world.js';

/** In these a payout goes on by itself, as long as the engine works. */
const MOVING: readonly string[] = [PAYOUT_STATUS.CONVERTING, PAYOUT_STATUS.PAYING, PAYOUT_STATUS.IN_TRANSIT];

/**
 * From each interruption (a process died, a frozen one or a server came back) to the next transition of every payout
 * that was converting, paying or in transit at that moment, in milliseconds. The wait for the provider is in it.
 */
export function measureRecovery(
  interruptions: readonly Interruption[],
  { payouts, transitions }: Pick<StoreWorld, 'payouts' | 'transitions'>,
): readonly number[] {
  return interruptions.flatMap(({ atMs }) =>
    payouts.flatMap(({ payoutId }) => {
      const own = transitions.filter((transition) => transition.payoutId === payoutId);
      const status = own.findLast((transition) => transition.atMs <= atMs)?.status;
      // Entries of the timeline that change nothing are no progress.
      const next = own.find((transition) => transition.atMs > atMs && transition.status !== status);
      return status !== undefined && MOVING.includes(status) && next !== undefined ? [next.atMs - atMs] : [];
    }),
  );
}

/** The value that so much of them (0 to 1) does not exceed; undefined of none. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}
