import { ApplicationFailure, CancelledFailure, log, type Context } from '@temporalio/activity';
import type { Store } from '../src/store/store.js';
import {
  FAILURE_KIND,
  FAILURE_TYPE,
  FAILURES,
  isFailureType,
  type FailureType,
} from '../src/domain/failure-type.js';
import { QbitPayError } from '../src/qbitpay/errors.js';
import {
  classifyReadError,
  toReadFailure,
  toRetryLaterFailure,
  toWaitingFailure,
} from './failure-mapping.js';
import type { Activities } from './index.js';
import type { PayoutState } from './payout-state.js';
import { RetryLaterError } from './retry-later.js';

/** What holds for all calls of an activity, whatever it does. */
interface ActivityRule {
  /** It may take long: its process shows that it lives, so that a killed worker is noticed before the time-out. */
  readonly heartbeats: boolean;
  /** What a provider without a usable answer becomes for Temporal. */
  readonly providerError: (error: QbitPayError) => ApplicationFailure;
  /**
   * Whether the store shows an outage as what the payout waits for: not at all, until the activity answers, or until
   * the next one answers.
   */
  readonly outage: 'hidden' | 'untilAnswered' | 'untilNextAnswers';
}

const READ: ActivityRule = { heartbeats: false, providerError: toReadFailure, outage: 'untilAnswered' };
const LONG_READ: ActivityRule = { ...READ, heartbeats: true };
const HIDDEN: ActivityRule = { ...READ, outage: 'hidden' };
const LONG_HIDDEN: ActivityRule = { ...HIDDEN, heartbeats: true };

const RULES: Readonly<Record<keyof Activities, ActivityRule>> = {
  // What follows says whether the price can be used.
  fetchTicker: { ...READ, outage: 'untilNextAnswers' },
  getDepositAddress: READ,
  placeOrder: LONG_READ,
  getOrder: READ,
  createPayout: LONG_READ,
  resolveOutcome: READ,
  getPayout: READ,
  awaitProvider: { heartbeats: false, providerError: toWaitingFailure, outage: 'untilNextAnswers' },
  // Whoever decided is told at once; the payout itself waits for nothing.
  closeFunding: LONG_HIDDEN,
  operatePayout: LONG_HIDDEN,
  // These work with the store alone.
  claimPayout: HIDDEN,
  holdPayout: HIDDEN,
  readMissingDeposit: HIDDEN,
  reserveFunds: HIDDEN,
  // No payout waits for these.
  reconcile: LONG_HIDDEN,
  // It beats by itself, with how far it is.
  syncProvider: HIDDEN,
  supervise: LONG_HIDDEN,
};

const BEAT_MS = 5_000;

/** Every activity's only argument: it names the payout that it is for at its top level. */
type ActivityInput = Parameters<Activities[keyof Activities]>[0];

/** Runs around every activity of a worker: beats, translates errors for Temporal, and shows outages in the store. */
export function createActivityInterceptor(store: Store) {
  return (context: Context) => ({
    inbound: {
      async execute<Call extends { readonly args: readonly unknown[] }>(
        call: Call,
        next: (call: Call) => Promise<unknown>,
      ): Promise<unknown> {
        const rule = RULES[context.info.activityType as keyof Activities];
        const { payoutId } = call.args[0] as ActivityInput;
        const beat = rule.heartbeats ? setInterval(() => context.heartbeat(), BEAT_MS) : undefined;
        try {
          const answer = await next(call);
          if (rule.outage === 'untilAnswered') await showAnswered(store, payoutId, answer);
          return answer;
        } catch (error) {
          throw await handleFailure(store, payoutId, rule, error);
        } finally {
          clearInterval(beat);
        }
      },
    },
  });
}

/** Shows in the store what the failure means for the payout; answers with what Temporal is told. */
async function handleFailure(
  store: Store,
  payoutId: string | null,
  { outage, providerError }: ActivityRule,
  error: unknown,
): Promise<unknown> {
  if (error instanceof RetryLaterError) {
    if (error.waitsFor !== undefined || outage === 'untilAnswered')
      await show(store, payoutId, error.waitsFor);
    return toRetryLaterFailure(error);
  }
  const reason = reasonOf(error);
  if (outage !== 'hidden' && reason !== undefined) await show(store, payoutId, reason);
  return error instanceof QbitPayError ? providerError(error) : error;
}

/**
 * What a payout waits for by a failure. An activity's own word to Temporal is an answer, unless it is such a reason;
 * anything else that goes wrong has to be seen.
 */
function reasonOf(error: unknown): FailureType | undefined {
  if (error instanceof QbitPayError) return classifyReadError(error).type;
  if (error instanceof CancelledFailure) return undefined;
  if (!(error instanceof ApplicationFailure)) return FAILURE_TYPE.ENGINE_UNAVAILABLE;
  const { type } = error;
  const isReason = type != null && isFailureType(type) && FAILURES[type].kind === FAILURE_KIND.WAITING;
  return isReason ? type : undefined;
}

/** What nothing goes on for now, as the answer says; its own reading of the store says whether that is shown already. */
async function showAnswered(store: Store, payoutId: string | null, answer: unknown): Promise<void> {
  const { holdReason, next } = (answer ?? {}) as Partial<PayoutState<{ reason?: FailureType | null }>>;
  const reason = next?.reason ?? null;
  if (reason !== holdReason) await show(store, payoutId, reason ?? undefined);
}

/** Shows what the payout waits for; nothing, where there is no reason. A store that is away must not hide the answer. */
async function show(
  { payouts }: Store,
  payoutId: string | null,
  reason: FailureType | undefined,
): Promise<void> {
  if (payoutId === null) return;
  try {
    await (reason === undefined ? payouts.clearWaiting(payoutId) : payouts.noteWaiting(payoutId, reason));
  } catch (error) {
    log.warn('the store did not take what the payout waits for', { payoutId, reason, error: String(error) });
  }
}
