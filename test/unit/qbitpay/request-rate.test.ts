import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRequestRate } from '../../../src/qbitpay/request-rate.js';

const RATE = 50;
/** Between two turns, less what a timer may come early. */
const LEAST_GAP_MS = 1_000 / RATE - 1.5;

test('the first request goes at once, the next ones wait their turn, after a rest as well', async () => {
  const waitForTurn = createRequestRate(RATE);
  const turnsAtMs: number[] = [];
  const take = (): Promise<number> => waitForTurn('read').then(() => turnsAtMs.push(performance.now()));
  const startMs = performance.now();
  await take();
  expect(performance.now() - startMs).toBeLessThan(LEAST_GAP_MS);
  await Promise.all([take(), take(), take()]);
  await sleep(5 * LEAST_GAP_MS);
  await Promise.all([take(), take(), take()]);
  const gaps = turnsAtMs.slice(1).map((atMs, index) => atMs - (turnsAtMs[index] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(LEAST_GAP_MS);
});

test('a clock that is set back holds nobody up', async () => {
  const waitForTurn = createRequestRate(RATE);
  await waitForTurn('read');
  const { now } = Date;
  Date.now = () => now() - 3_600_000;
  const startMs = performance.now();
  await waitForTurn('post').finally(() => (Date.now = now));
  expect(performance.now() - startMs).toBeLessThan(1_000);
});

test('what moves money goes before all reads that wait, whoever came first', async () => {
  const waitForTurn = createRequestRate(RATE);
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

test('what keeps the mirror fresh goes last, and still has one turn in ten', async () => {
  const waitForTurn = createRequestRate(500);
  const order: string[] = [];
  const ask = (urgency: 'background' | 'read'): Promise<void> =>
    waitForTurn(urgency).then(() => void order.push(urgency));
  await Promise.all([
    ...Array.from({ length: 3 }, () => ask('background')),
    ...Array.from({ length: 24 }, () => ask('read')),
  ]);
  // The first one found nobody waiting.
  expect(order[0]).toBe('background');
  expect(order.indexOf('background', 1)).toBe(10);
  expect(order.indexOf('background', 11)).toBe(20);
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('a rate of %d is refused', (rate) => {
  expect(() => createRequestRate(rate)).toThrow(RangeError);
});
