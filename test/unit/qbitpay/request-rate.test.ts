import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRequestRate } from '../../../src/qbitpay/request-rate.js';

const RATE = 10;
/** Between two turns, less what a timer may come early. */
const LEAST_GAP_MS = 1_000 / RATE - 1.5;

test('the first request goes at once, the next ones wait their turn, after a rest as well', async () => {
  const waitForTurn = createRequestRate(RATE);
  const turnsAtMs: number[] = [];
  const take = (): Promise<number> => waitForTurn('step').then(() => turnsAtMs.push(performance.now()));
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
  await waitForTurn('step');
  const { now } = Date;
  Date.now = () => now() - 3_600_000;
  const startMs = performance.now();
  await waitForTurn('send').finally(() => (Date.now = now));
  expect(performance.now() - startMs).toBeLessThan(1_000);
});

test('what moves money goes before all reads that wait, whoever came first', async () => {
  const waitForTurn = createRequestRate(RATE);
  const order: string[] = [];
  const ask = (name: string, reason: 'step' | 'send'): Promise<void> =>
    waitForTurn(reason).then(() => void order.push(name));
  await Promise.all([
    ask('first read', 'step'),
    ask('second read', 'step'),
    ask('third read', 'step'),
    ask('first post', 'send'),
    ask('second post', 'send'),
  ]);
  expect(order).toEqual(['first read', 'first post', 'second post', 'second read', 'third read']);
});

test('what keeps the mirror fresh goes last, and still has one turn in ten', async () => {
  const waitForTurn = createRequestRate(500);
  const order: string[] = [];
  const ask = (reason: 'sync' | 'step'): Promise<void> =>
    waitForTurn(reason).then(() => void order.push(reason));
  await Promise.all([
    ...Array.from({ length: 3 }, () => ask('sync')),
    ...Array.from({ length: 24 }, () => ask('step')),
  ]);
  // The first one found nobody waiting.
  expect(order[0]).toBe('sync');
  expect(order.indexOf('sync', 1)).toBe(10);
  expect(order.indexOf('sync', 11)).toBe(20);
});
