import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createActivityInterceptor } from '../../../activities/interceptor.js';
import { RetryLaterError } from '../../../activities/retry-later.js';
import type { Store } from '../../../src/store/store.js';
import { QbitPayConnectionError, QbitPayRateLimitError } from '../../../src/qbitpay/errors.js';

interface Outcome {
  readonly answer?: unknown;
  readonly error?: unknown;
  /** What the store was told, in order; undefined: that the payout waits for nothing. */
  readonly shown: readonly (string | undefined)[];
}

/** Runs an activity's work as a worker does, for the payout p-1 or for none. */
async function runAs(
  activityType: string,
  work: () => Promise<unknown>,
  { payoutId = 'p-1', storeFails = false }: { payoutId?: string | null; storeFails?: boolean } = {},
): Promise<Outcome> {
  const shown: (string | undefined)[] = [];
  const note = (reason: string | undefined): Promise<unknown> =>
    storeFails ? Promise.reject(new Error('the store is away')) : Promise.resolve(shown.push(reason));
  const payouts = {
    noteWaiting: (_payoutId: string, reason: string) => note(reason),
    clearWaiting: () => note(undefined),
  };
  const interceptors = [createActivityInterceptor({ payouts } as unknown as Store)];
  const environment = new MockActivityEnvironment({ activityType }, { interceptors });
  return environment.run<[unknown], unknown, () => Promise<unknown>>(work, { payoutId }).then(
    (answer) => ({ answer, shown }),
    (error: unknown) => ({ error, shown }),
  );
}

const failing = (error: Error) => (): Promise<never> => Promise.reject(error);

const NO_ANSWER = new QbitPayConnectionError('getAccount', { sent: true, code: 'ECONNRESET' });
const LIMITED = new QbitPayRateLimitError({
  operation: 'getAccount',
  words: 'slow down',
  status: 429,
  hasErrorObject: true,
  isEmpty: false,
  retryAfterMs: 10_000,
});

describe('what the payout waits for', () => {
  test('an answer ends it', async () => {
    expect(await runAs('getPayout', () => Promise.resolve('read'))).toEqual({
      answer: 'read',
      shown: [undefined],
    });
  });

  test.each([
    ['an outage that is over', { holdReason: 'PROVIDER_UNAVAILABLE' }, [undefined]],
    ['nothing, as the store shows already', { holdReason: null }, []],
    ['what it waits for now', { holdReason: null, next: { reason: 'FIRST_SYNC' } }, ['FIRST_SYNC']],
    ['what the store shows already', { holdReason: 'FIRST_SYNC', next: { reason: 'FIRST_SYNC' } }, []],
  ])('an answer that read %s writes what is news', async (_name, answer, shown) => {
    expect((await runAs('createPayout', () => Promise.resolve(answer))).shown).toEqual(shown);
  });

  test('a step that the engine cannot finish shows, with its error as it was', async () => {
    const error = new TypeError('x is not a function');
    const outcome = await runAs('createPayout', failing(error));
    expect(outcome.error).toBe(error);
    expect(outcome.shown).toEqual(['ENGINE_UNAVAILABLE']);
  });

  test('a provider that does not answer shows, and crosses as the engine’s own failure', async () => {
    expect(await runAs('getDepositAddress', failing(NO_ANSWER))).toMatchObject({
      error: { type: 'PROVIDER_UNAVAILABLE', nonRetryable: false },
      shown: ['PROVIDER_UNAVAILABLE'],
    });
  });

  test('a request that the provider did not take for now shows why', async () => {
    const answer = { next: { kind: 'retryLater', reason: 'RATE_LIMITED', afterMs: 5 } };
    expect(await runAs('placeOrder', () => Promise.resolve(answer))).toEqual({
      answer,
      shown: ['RATE_LIMITED'],
    });
  });

  test('a poll that was answered with "not yet" ends it, and is tried again after its pause', async () => {
    expect(
      await runAs('resolveOutcome', failing(new RetryLaterError('pending', { afterMs: 70 }))),
    ).toMatchObject({
      error: { type: 'RETRY_LATER', nextRetryDelay: 70, category: 'BENIGN' },
      shown: [undefined],
    });
  });

  test('a poll that names what is waited for shows it, whatever its activity', async () => {
    const later = new RetryLaterError('not decided yet', { waitsFor: 'DEPOSIT_UNVERIFIED' });
    expect((await runAs('closeFunding', failing(later))).shown).toEqual(['DEPOSIT_UNVERIFIED']);
  });

  test.each([
    ['what a step itself says to Temporal', ApplicationFailure.create({ type: 'PART_OF_OPENING_BALANCE' })],
    ['a step that was cancelled', new CancelledFailure('cancelled')],
  ])('%s is no outage', async (_name, failure) => {
    expect(await runAs('getPayout', failing(failure))).toEqual({ error: failure, shown: [] });
  });

  test.each(['operatePayout', 'closeFunding', 'reserveFunds'])(
    'of %s the store shows nothing',
    async (name) => {
      expect((await runAs(name, failing(NO_ANSWER))).shown).toEqual([]);
      expect((await runAs(name, failing(new RetryLaterError('not yet')))).shown).toEqual([]);
      expect((await runAs(name, () => Promise.resolve({}))).shown).toEqual([]);
    },
  );

  test('who waits for the provider shows why, and leaves the end of it to the step that waited', async () => {
    expect(await runAs('awaitProvider', failing(LIMITED))).toMatchObject({
      error: { type: 'RATE_LIMITED', category: 'BENIGN', nonRetryable: false },
      shown: ['RATE_LIMITED'],
    });
    expect((await runAs('awaitProvider', () => Promise.resolve())).shown).toEqual([]);
  });

  test('where no payout waits nothing is shown', async () => {
    expect((await runAs('awaitProvider', failing(LIMITED), { payoutId: null })).shown).toEqual([]);
  });

  test('a store that is away hides neither the answer nor the failure', async () => {
    expect(await runAs('getPayout', () => Promise.resolve('read'), { storeFails: true })).toMatchObject({
      answer: 'read',
    });
    expect(await runAs('getPayout', failing(NO_ANSWER), { storeFails: true })).toMatchObject({
      error: { type: 'PROVIDER_UNAVAILABLE' },
    });
  });
});

describe('a process that lives', () => {
  beforeAll(() => void vi.useFakeTimers());
  afterAll(() => void vi.useRealTimers());

  const beatsOf = async (activityType: string): Promise<number> => {
    const interceptors = [createActivityInterceptor({} as Store)];
    const environment = new MockActivityEnvironment({ activityType }, { interceptors });
    let beats = 0;
    environment.on('heartbeat', () => (beats += 1));
    const work = (): Promise<unknown> => vi.advanceTimersByTimeAsync(60_000);
    await environment.run<[unknown], unknown, () => Promise<unknown>>(work, { payoutId: null });
    return beats;
  };

  test('beats every few seconds while it does what may take long', async () => {
    expect(await beatsOf('createPayout')).toBe(12);
    expect(await beatsOf('getOrder')).toBe(0);
  });
});
