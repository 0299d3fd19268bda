import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context, log } from '@temporalio/activity';
import type { SeenStore } from '../../src/store/controls/seen-store.js';
import type { WorkflowHint } from '../../src/store/mirror/workflow-hints.js';
import type { HintSignal } from '../../src/store/schema.js';
import type { ActivityDependencies } from '../dependencies.js';
import { createProviderLists } from './provider-list.js';
import { runSync, type SyncParts } from './sync-run.js';

export interface SyncProviderInput {
  readonly payoutId: null;
}

/** Well below the heartbeat time-out: a reader that stands still is replaced soon. */
const BEAT_MS = 2_000;
/** After this the workflow goes on with a fresh history. */
const ENDS_AFTER_MS = 3_600_000;
/** Hints that are dealt with together, and so many signalled at a time. */
const BATCH = 500;
const AT_ONCE = 10;
/** The pause between two looks into the store where no notification hastens the next. */
const LOOK_AGAIN_MS = 1_000;
/** So many times an interval may be cut short by wishes. */
const HASTENED = 10;

/**
 * Keeps the mirror of QbitPay: one sync after the other, and sooner where somebody wishes for one. Temporal selects the
 * reader; the store lets only the newest one write: a reader that was frozen, and is replaced by then, writes nothing.
 */
export function createSyncProvider(deps: ActivityDependencies): (input: SyncProviderInput) => Promise<void> {
  return async function syncProvider() {
    const { store, qbitpay, settings } = deps;
    const context = Context.current();
    const over = new AbortController();
    const stopped = AbortSignal.any([
      deps.stopping,
      context.cancellationSignal,
      AbortSignal.timeout(ENDS_AFTER_MS),
    ]);
    const ended = AbortSignal.any([stopped, over.signal]);
    const progress = { syncs: 0, pages: 0 };
    const beat = setInterval(() => context.heartbeat(progress), BEAT_MS);
    const notices = new EventEmitter();
    const stopListening = await store.mirror.listen((channel) => notices.emit(channel));
    try {
      const generation = await store.mirror.takeGeneration();
      const parts: SyncParts = {
        store,
        qbitpay,
        reader: store.mirror.asReader(generation, settings),
        lists: createProviderLists(qbitpay),
        settings: settings.sync,
        overlaps: new Map(),
        onPage: () => {
          progress.pages += 1;
          ended.throwIfAborted();
        },
      };
      const loops = [
        repeatSync(parts, { notices, ended, seen: deps.seen, onSync: () => (progress.syncs += 1) }),
        deliverHints(deps, { notices, ended }),
      ];
      // Where one fails, the other must not go on; no call may outlive the activity, whose connections are closed then.
      await Promise.allSettled(loops.map((loop) => loop.finally(() => over.abort())));
      await Promise.all(loops);
    } catch (error) {
      if (!stopped.aborted) throw error;
    } finally {
      clearInterval(beat);
      stopListening();
    }
  };
}

interface Loop {
  readonly notices: EventEmitter;
  readonly ended: AbortSignal;
}

async function repeatSync(
  parts: SyncParts,
  loop: Loop & { readonly seen: SeenStore; readonly onSync: () => void },
): Promise<void> {
  const { store, settings } = parts;
  let notBeforeMs = 0;
  let dueAtMs = 0;
  while (!loop.ended.aborted) {
    const isWished = (await store.mirror.readWishes(1)).length > 0;
    const waitMs = (isWished ? notBeforeMs : dueAtMs) - performance.now();
    if (waitMs > 0) {
      await pause(loop, 'sync_wishes', Math.min(waitMs, LOOK_AGAIN_MS));
      continue;
    }
    await store.watchStore(loop.seen);
    const startedAtMs = performance.now();
    const { isComplete, retryAfterMs } = await runSync(parts);
    loop.onSync();
    dueAtMs = startedAtMs + Math.max(settings.intervalMs, retryAfterMs);
    // What could not be read now is not wished for any faster.
    notBeforeMs = isComplete ? startedAtMs + settings.intervalMs / HASTENED : dueAtMs;
  }
}

/** Signals the workflows of payouts that something was written about, until Temporal takes it. */
async function deliverHints(deps: ActivityDependencies, loop: Loop): Promise<void> {
  while (!loop.ended.aborted) {
    const hints = await deps.store.mirror.readHints(BATCH);
    let isDelivered = true;
    for (let from = 0; from < hints.length; from += AT_ONCE) {
      loop.ended.throwIfAborted();
      const some = hints.slice(from, from + AT_ONCE);
      const answers = await Promise.all(some.map((hint) => deliverHint(deps, hint)));
      isDelivered &&= answers.every(Boolean);
    }
    if (hints.length === 0 || !isDelivered) await pause(loop, 'workflow_hints', LOOK_AGAIN_MS);
  }
}

/** False when Temporal could not be told. */
async function deliverHint(deps: ActivityDependencies, hint: WorkflowHint): Promise<boolean> {
  try {
    await deliver(deps, hint);
    return true;
  } catch (error) {
    const { payoutId } = hint;
    log.warn('a payout could not be told to look at the store', { payoutId, error: String(error) });
    return false;
  }
}

/** Whoever reads what these are about takes them away. */
const READ_AWAY: readonly HintSignal[] = ['payoutEvent', 'balanceReleased'];

async function deliver({ store, payoutRuns }: ActivityDependencies, hint: WorkflowHint): Promise<void> {
  const { mirror } = store;
  switch (await payoutRuns.signal(hint)) {
    case 'taken':
      return READ_AWAY.includes(hint.signal) ? mirror.noteDelivered(hint) : mirror.forgetHint(hint);
    case 'notRunning':
      // The supervisor sees to it: the store knows what the hint was about.
      return mirror.forgetHint(hint);
    case 'limitReached':
      log.error('the workflow of a payout takes no more signals: terminate it, and another one goes on', {
        payoutId: hint.payoutId,
      });
      return mirror.noteRefused(hint);
  }
}

/** Until the notification, for so long at most. */
async function pause({ notices, ended }: Loop, channel: string, ms: number): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([ended, over.signal]);
  const ignoreAbort = (): void => undefined;
  await Promise.race([
    once(notices, channel, { signal }).catch(ignoreAbort),
    sleep(ms, undefined, { signal }).catch(ignoreAbort),
  ]);
  over.abort();
}
