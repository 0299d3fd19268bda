import { MockActivityEnvironment } from '@temporalio/testing';
import { persistWithRetry } from '../../../activities/persist-with-retry.js';

test.each([
  ['an error of the database', new Error('away')],
  ['a TypeError, which p-retry takes for a bug', new TypeError('not a function')],
])('what is not taken is written again, until it is: %s', async (_what, error) => {
  let attempts = 0;
  const write = (): Promise<string> => {
    attempts += 1;
    return attempts < 3 ? Promise.reject(error) : Promise.resolve('written');
  };
  expect(await new MockActivityEnvironment().run(() => persistWithRetry(write))).toBe('written');
  expect(attempts).toBe(3);
});
