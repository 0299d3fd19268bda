import {
  proxyActivities,
  proxyLocalActivities,
  workflowInfo,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';
import { FAILURE_TYPE, type FailureType } from '../src/domain/failure-type.js';
import { providerSyncQueue } from '../src/domain/identifiers.js';
import type { PayoutPolicy } from '../src/domain/policy.js';

/**
 * The activities as workflows call them: time-outs, retry rules, and what the Temporal UI shows beside each. None has a
 * `scheduleToClose`: a payout may wait for an outage of days, and a retry delay that reaches beyond it would fail the
 * activity at once.
 */

/** Reads of the provider: a few quick attempts, then the workflow shows the reason and waits longer. */
const READ: ActivityOptions = {
  startToCloseTimeout: '45s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '1h', maximumAttempts: 3 },
};

/**
 * Requests that move money: one attempt; run again by the workflow they find their provider request. The time is more
 * than the request (80 s) and the writing of its answer can take together; a worker that dies is noticed by its heartbeat.
 */
const POST: ActivityOptions = {
  startToCloseTimeout: '4m',
  heartbeatTimeout: '60s',
  retry: { maximumAttempts: 1 },
};

/** The store alone: repeated until the database is back. */
const STORE: ActivityOptions = {
  startToCloseTimeout: '45s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
};

/** What a person decided: the store is waited for; a provider that does not answer is told to whoever decided. */
const DECISION: ActivityOptions = {
  startToCloseTimeout: '10m',
  heartbeatTimeout: '60s',
  retry: {
    initialInterval: '500ms',
    backoffCoefficient: 2,
    maximumInterval: '30s',
    nonRetryableErrorTypes: [
      FAILURE_TYPE.PROVIDER_UNAVAILABLE,
      FAILURE_TYPE.RATE_LIMITED,
      FAILURE_TYPE.AUTHENTICATION_REFUSED,
      FAILURE_TYPE.ACCOUNT_CHANGED,
    ],
  },
};

/** Pages through the provider's lists; the next run is the retry, and whoever asked is told. */
const RECONCILE: ActivityOptions = {
  startToCloseTimeout: '10m',
  heartbeatTimeout: '60s',
  retry: { initialInterval: '1s', maximumAttempts: 3 },
};

/** The reader of QbitPay: one activity that goes on for an hour, and is replaced soon where its process stands still. */
const SYNC: ActivityOptions = {
  startToCloseTimeout: '2h',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '1s', backoffCoefficient: 1 },
};

/** The supervisor: as the reader of QbitPay, in less of a hurry. */
const SUPERVISE: ActivityOptions = {
  ...SYNC,
  heartbeatTimeout: '30s',
  retry: { initialInterval: '1s', maximumInterval: '1m' },
};

function proxy<Name extends keyof Activities>(name: Name, options: ActivityOptions, summary?: string) {
  return proxyActivities<Activities>(summary === undefined ? options : { ...options, summary })[name];
}

export const fetchTicker = proxy('fetchTicker', READ, 'price of the funding currency');
export const getDepositAddress = proxy('getDepositAddress', READ, 'deposit address, fees and minimum');
export const getOrder = proxy('getOrder', READ, 'what QbitPay shows of the order');
export const getPayout = proxy('getPayout', READ, 'what QbitPay shows of the payout');

export const placeOrder = proxy('placeOrder', POST, 'sell the deposit');
export const createPayout = proxy('createPayout', POST, 'create the payout at QbitPay');

export const resolveOutcome = proxy('resolveOutcome', STORE, 'what became of the request');

export const operatePayout = proxy('operatePayout', DECISION, 'carry out what a person decided');
export const closeFunding = proxy('closeFunding', DECISION);

/** A few quick attempts: each that waits longer would add to the history. */
const local = proxyLocalActivities<Activities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumAttempts: 2 },
});

/** At first within the workflow task, which costs one event; with the database away as an activity that waits for it. */
function quickly<Input, Answer>(
  first: (input: Input) => Promise<Answer>,
  then: (input: Input) => Promise<Answer>,
): (input: Input) => Promise<Answer> {
  return (input) => first(input).catch(() => then(input));
}

export const claimPayout = quickly(
  local.claimPayout,
  proxy('claimPayout', STORE, 'take the payout over from the store'),
);
export const readMissingDeposit = quickly(
  local.readMissingDeposit,
  proxy('readMissingDeposit', STORE, 'what of the deposit has come in'),
);
export const holdPayout = proxy('holdPayout', STORE);
export const reserveFunds = proxy('reserveFunds', STORE);

export const reconcile = proxy('reconcile', RECONCILE, 'compare ledger and payouts with QbitPay');
export const supervise = proxy('supervise', SUPERVISE, 'watch over open payouts');

/** On a task queue of its own, that payouts and the reading of QbitPay never wait for each other. */
export function syncProvider(): Promise<void> {
  const options = {
    ...SYNC,
    taskQueue: providerSyncQueue(workflowInfo().taskQueue),
    summary: 'keep the mirror',
  };
  return proxyActivities<Activities>(options).syncProvider({ payoutId: null });
}

/** Waits until the provider answers, for ever, and without adding to the history while it does not. */
export async function awaitProvider(
  { retryInitialMs, retryMaxMs }: Pick<PayoutPolicy, 'retryInitialMs' | 'retryMaxMs'>,
  reason: FailureType,
  payoutId: string | null,
  leaveAloneMs = 0,
): Promise<void> {
  const activities = proxyActivities<Activities>({
    startToCloseTimeout: '45s',
    summary: `waiting: ${reason}`,
    retry: {
      // Random, so that those who wait do not come back at once.
      initialInterval: Math.ceil(retryInitialMs * (1 + Math.random())),
      backoffCoefficient: 2,
      // Also the limit of the pause that the activity names, which is half as long again at most.
      maximumInterval: Math.max(retryMaxMs, retryInitialMs * 2, Math.ceil(leaveAloneMs * 1.5)),
    },
  });
  await activities.awaitProvider({ payoutId, reason, leaveAloneMs });
}
