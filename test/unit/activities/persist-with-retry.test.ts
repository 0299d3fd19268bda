import { MockActivityEnvironment } from '@temporalio/testing';
import { persistWithRetry } from '../../../activities/persist-with-retry.js';

test('what the database does not take is written again, until it does', async () => {
  let attempts = 0;
  const write = (): Promise<string> => {
    attempts += 1;
    return attempts < 3 ? Promise.reject(new Error('away')) : Promise.resolve('written');
  };
  expect(await new MockActivityEnvironment().run(() => persistWithRetry(write))).toBe('written');
  expect(attempts).toBe(3);
});
