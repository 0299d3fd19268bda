import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { watched } from '../../../activities/watched.js';
import type { Store } from '../../../src/store/store.js';
import { QbitPayConnectionError } from '../../../src/qbitpay/errors.js';

/** What the store was told of the payout, in order; undefined: that it waits for nothing. */
function createStore(): { readonly store: Store; readonly shown: (string | undefined)[] } {
  const shown: (string | undefined)[] = [];
  const payouts = {
    noteWaiting: (_payoutId: string, reason: string) => Promise.resolve(shown.push(reason)),
    clearWaiting: () => Promise.resolve(shown.push(undefined)),
  };
  return { store: { payouts } as unknown as Store, shown };
}

async function shownAfter(step: () => Promise<unknown>): Promise<readonly (string | undefined)[]> {
  const { store, shown } = createStore();
  await watched(store, 'p-1', step).catch(() => undefined);
  return shown;
}

test('a step that answers ends what the payout waited for', async () => {
  expect(await shownAfter(() => Promise.resolve())).toEqual([undefined]);
});

test('a step that the engine cannot finish shows in the store, with its error as it was', async () => {
  const { store, shown } = createStore();
  const error = new TypeError('x is not a function');
  await expect(watched(store, 'p-1', () => Promise.reject(error))).rejects.toBe(error);
  expect(shown).toEqual(['ENGINE_UNAVAILABLE']);
});

test('a provider that does not answer shows in the store', async () => {
  const error = new QbitPayConnectionError('getAccount', { sent: true, code: 'ECONNRESET' });
  expect(await shownAfter(() => Promise.reject(error))).toEqual(['PROVIDER_UNAVAILABLE']);
});

test.each([
  ['a step that asks for another try', ApplicationFailure.create({ type: 'RETRY_LATER' })],
  ['a step that was cancelled', new CancelledFailure('cancelled')],
])('%s is no outage', async (_name, failure) => {
  expect(await shownAfter(() => Promise.reject(failure))).toEqual([]);
});
