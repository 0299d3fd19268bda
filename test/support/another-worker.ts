import { MockActivityEnvironment } from '@temporalio/testing';
import type { CreatePayoutResult } from '../../activities/payouts/create-payout.js';
import type { ActivityDependencies } from '../../activities/dependencies.js';
import { createActivities, type Activities } from '../../activities/index.js';
import { createActivityInterceptor } from '../../activities/interceptor.js';
import type { OutcomeOpen, ResolveOutcomeInput } from '../../activities/payouts/resolve-outcome.js';
import type { PlaceOrderResult } from '../../activities/payouts/place-order.js';
import type { PayoutState } from '../../activities/payout-state.js';
import { createPayoutGateway } from '../../src/temporal/payout-gateway.js';
import { openStore, type Store } from '../../src/store/store.js';
import type { AmountLimits } from '../../src/domain/amount-limits.js';
import { createStaticApiKey } from '../../src/qbitpay/api-key.js';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { createQbitPayClient } from '../../src/qbitpay/client.js';
import { withCrashPoints, type CrashHook } from '../faults/with-crash-points.js';
import { CANARY_API_KEY, type TestEngine } from './engine.js';

/** A second worker of an engine, of which only its steps are of interest: each is run as Temporal hands it out. */
export interface AnotherWorker {
  readonly store: Store;
  createPayout(payoutId: string): Promise<CreatePayoutResult>;
  /** At a price of this moment. */
  placeOrder(payoutId: string): Promise<PlaceOrderResult>;
  resolveOutcome(input: ResolveOutcomeInput): Promise<PayoutState<OutcomeOpen>>;
  close(): Promise<void>;
}

export interface AnotherWorkerOptions {
  /** @default nothing happens */
  readonly onCrashPoint?: CrashHook;
  /** @default none */
  readonly resendLimits?: AmountLimits;
  /** It reads QbitPay as well, for an engine whose own worker does not. @default false */
  readonly keepsMirror?: boolean;
}

export function openAnotherWorker(
  engine: Pick<TestEngine, 'databaseUrl' | 'env' | 'temporal'>,
  {
    onCrashPoint = () => Promise.resolve(),
    resendLimits = {},
    keepsMirror = false,
  }: AnotherWorkerOptions = {},
): AnotherWorker {
  const store = openStore({ url: engine.databaseUrl, onIdleError: () => undefined });
  const qbitpay = createQbitPayClient({
    baseUrl: engine.env['QBITPAY_BASE_URL'] ?? '',
    apiKey: createStaticApiKey(CANARY_API_KEY),
  });
  const syncing = new AbortController();
  const deps = withCrashPoints<ActivityDependencies>(
    {
      store,
      qbitpay,
      settings: {
        feeSide: 'added',
        networks: { USDT: 'TRC20' },
        depositAddresses: {},
        depositProof: 'balance_transaction',
        isAccountShared: false,
        brakeAfterDifferences: 20,
        depositTailDigits: 5,
        maxPayoutAmounts: {},
        maxPriceChangeBps: 500,
        reconciliation: { graceSeconds: 60 },
        resendLimits,
        sync: { intervalMs: 200, overlapSeconds: 900, maxRequestsPerSecond: null },
      },
      supervision: { minimumAgeSeconds: 60, intervalMs: 30_000 },
      payoutRuns: createPayoutGateway({ client: engine.temporal.client, taskQueue: '' }),
      // Nobody made this wish: it is granted.
      seen: { startWish: '0', place: undefined },
      stopping: syncing.signal,
    },
    'worker',
    onCrashPoint,
  );
  const activities = createActivities(deps);
  const interceptors = [createActivityInterceptor(store)];
  async function run<Input extends { readonly payoutId: string }, Result>(
    activityType: keyof Activities,
    step: (input: Input) => Promise<Result>,
    input: Input,
  ): Promise<Result> {
    const workflowId = payoutWorkflowId(input.payoutId);
    const { runId } = await engine.temporal.client.workflow.getHandle(workflowId).describe();
    const info = { activityType, workflowExecution: { workflowId, runId } };
    return new MockActivityEnvironment(info, { interceptors }).run(step, input);
  }
  const mirror = keepsMirror
    ? new MockActivityEnvironment({ activityType: 'syncProvider' }, { interceptors }).run(
        activities.syncProvider,
        { payoutId: null },
      )
    : Promise.resolve();
  return {
    store,
    createPayout: (payoutId) => run('createPayout', activities.createPayout, { payoutId }),
    placeOrder: (payoutId) =>
      run('placeOrder', activities.placeOrder, {
        payoutId,
        price: { symbol: 'USDT/CNY', bid: '6.97', quotedAtMs: Date.now() },
        maxSlippageBps: 100,
      }),
    resolveOutcome: (input) => run('resolveOutcome', activities.resolveOutcome, input),
    close: async () => {
      syncing.abort();
      await mirror;
      qbitpay.close();
      await store.close();
    },
  };
}
