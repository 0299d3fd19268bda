import fc from 'fast-check';
import { performance } from 'node:perf_hooks';
import { createRequestRate, fullBucket, takeToken } from '../../../src/qbitpay/request-rate.js';

test('the first request goes at once, the next ones wait their turn', () => {
  let bucket = fullBucket(0);
  const waits = Array.from({ length: 4 }, () => {
    const taken = takeToken(bucket, 0, 10);
    bucket = taken.bucket;
    return taken.waitMs;
  });
  expect(waits).toEqual([0, 100, 200, 300]);
});

test('time fills the bucket up to one token, not more', () => {
  const empty = takeToken(fullBucket(0), 0, 10).bucket;
  expect(takeToken(empty, 40, 10).waitMs).toBe(60);
  const rested = takeToken(empty, 60_000, 10);
  expect(rested.waitMs).toBe(0);
  expect(takeToken(rested.bucket, 60_000, 10).waitMs).toBe(100);
});

test('no window of a second ever holds more than the rate and the one request it began with', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 60 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 20 }), (gapsMs, rate) => {
      let bucket = fullBucket(0);
      let nowMs = 0;
      const sentAtMs = gapsMs.map((gapMs) => {
        nowMs += gapMs;
        const taken = takeToken(bucket, nowMs, rate);
        bucket = taken.bucket;
        return nowMs + taken.waitMs;
      });
      for (const startMs of sentAtMs) {
        const inWindow = sentAtMs.filter((atMs) => atMs >= startMs && atMs < startMs + 1000);
        expect(inWindow.length).toBeLessThanOrEqual(rate + 1);
      }
    }),
  );
});

test('turns really take the time', async () => {
  const waitForTurn = createRequestRate(50);
  const startMs = performance.now();
  await Promise.all([waitForTurn('read'), waitForTurn('read'), waitForTurn('read')]);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(38);
});

test('what moves money goes before all reads that wait, whoever came first', async () => {
  const waitForTurn = createRequestRate(50);
  const order: string[] = [];
  const ask = (name: string, urgency: 'read' | 'post'): Promise<void> =>
    waitForTurn(urgency).then(() => void order.push(name));
  await Promise.all([
    ask('first read', 'read'),
    ask('second read', 'read'),
    ask('third read', 'read'),
    ask('first post', 'post'),
    ask('second post', 'post'),
  ]);
  expect(order).toEqual(['first read', 'first post', 'second post', 'second read', 'third read']);
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('a rate of %d is refused', (rate) => {
  expect(() => createRequestRate(rate)).toThrow(RangeError);
});
