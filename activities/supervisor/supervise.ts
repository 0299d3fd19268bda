import { setTimeout as sleep } from 'node:timers/promises';
import { Context, log } from '@temporalio/activity';
import type { OpenPayout } from '../../src/store/payouts/open-payouts.js';
import type { ActivityDependencies } from '../dependencies.js';

export interface SuperviseInput {
  readonly payoutId: null;
}

/** After this the workflow goes on with a fresh history. */
const ENDS_AFTER_MS = 3_600_000;
/** Looked up at Temporal in one question. */
const BATCH = 100;
/** Started, or told, at the same time. */
const AT_ONCE = 20;

/**
 * Sees to it that every open payout has a workflow that shows what the store says: Temporal may have lost it, somebody may
 * have ended it, or the API may not have reached it. Payouts that were written to a moment ago are left alone.
 */
export function createSupervise(deps: ActivityDependencies): (input: SuperviseInput) => Promise<void> {
  const { supervision, stopping } = deps;
  return async function supervise() {
    const context = Context.current();
    const signal = AbortSignal.any([
      stopping,
      context.cancellationSignal,
      AbortSignal.timeout(ENDS_AFTER_MS),
    ]);
    const told: Told = new Map();
    try {
      for (;;) {
        await superviseAll(deps, told, signal);
        await sleep(supervision.intervalMs, undefined, { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  };
}

/** What each workflow was told to look at: nobody is told the same again and again. */
type Told = Map<string, string>;

async function superviseAll(deps: ActivityDependencies, told: Told, signal: AbortSignal): Promise<void> {
  const { payouts } = deps.store;
  const { minimumAgeSeconds } = deps.supervision;
  let after: string | undefined = '0';
  while (after !== undefined) {
    const batch: Awaited<ReturnType<typeof payouts.readOpenPayouts>> = await payouts.readOpenPayouts({
      minimumAgeSeconds,
      after,
      limit: BATCH,
    });
    await compareWithRuns(deps, batch, told);
    signal.throwIfAborted();
    after = batch.length < BATCH ? undefined : batch.at(-1)?.sequence;
  }
  await compareWithRuns(deps, await payouts.readReturningPayouts(minimumAgeSeconds), told);
  await payouts.noteOverdue();
}

async function compareWithRuns(
  { payoutRuns }: ActivityDependencies,
  payouts: readonly OpenPayout[],
  told: Told,
): Promise<void> {
  if (payouts.length === 0) return;
  const shown = await payoutRuns.readShown(payouts.map(({ payoutId }) => payoutId));
  const mend = async (payout: OpenPayout): Promise<void> => {
    const { payoutId, status } = payout;
    if (!shown.has(payoutId)) {
      if (await payoutRuns.start(payout))
        log.info('the workflow of a payout was started', { payoutId, status });
    } else if (shown.get(payoutId) !== status && told.get(payoutId) !== status) {
      told.set(payoutId, status);
      await payoutRuns.signal({ payoutId, signal: 'storeChanged' });
    }
  };
  for (let from = 0; from < payouts.length; from += AT_ONCE) {
    await Promise.all(payouts.slice(from, from + AT_ONCE).map(mend));
  }
}
