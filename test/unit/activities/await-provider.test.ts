import { MockActivityEnvironment } from '@temporalio/testing';
import { createAwaitProvider } from '../../../activities/provider/await-provider.js';
import type { ActivityDependencies } from '../../../activities/dependencies.js';
import { createActivityInterceptor } from '../../../activities/interceptor.js';
import { FAILURE_TYPE } from '../../../src/domain/failure-type.js';
import type { Store } from '../../../src/store/store.js';
import { QbitPayRateLimitError } from '../../../src/qbitpay/errors.js';

const ASKED_MS = 10_000;
const WAITERS = 200;

async function pausesOf(getAccount: () => Promise<never>, leaveAloneMs: number): Promise<readonly number[]> {
  const awaitProvider = createAwaitProvider({ qbitpay: { getAccount } } as unknown as ActivityDependencies);
  const interceptors = [createActivityInterceptor({} as Store)];
  const wait = async (): Promise<number> => {
    const failure = await new MockActivityEnvironment({ activityType: 'awaitProvider' }, { interceptors })
      .run(awaitProvider, { payoutId: null, reason: FAILURE_TYPE.RATE_LIMITED, leaveAloneMs })
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    return (failure as { nextRetryDelay: number }).nextRetryDelay;
  };
  return Promise.all(Array.from({ length: WAITERS }, wait));
}

function expectSpread(pauses: readonly number[]): void {
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(ASKED_MS);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(ASKED_MS * 1.5);
  expect(Math.max(...pauses) - Math.min(...pauses)).toBeGreaterThan(ASKED_MS / 4);
}

test('who was asked to leave QbitPay alone does, and all of them do not come back at once', async () => {
  expectSpread(await pausesOf(() => Promise.reject(new Error('asked all the same')), ASKED_MS));
});

test('who is told Retry-After while waiting comes back after it, and not together', async () => {
  const limited = new QbitPayRateLimitError({
    operation: 'getAccount',
    words: 'slow down',
    status: 429,
    hasErrorObject: true,
    isEmpty: false,
    retryAfterMs: ASKED_MS,
  });
  expectSpread(await pausesOf(() => Promise.reject(limited), 0));
});
