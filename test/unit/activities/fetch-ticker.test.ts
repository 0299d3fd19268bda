import type { ActivityDependencies } from '../../../activities/dependencies.js';
import { createFetchTicker } from '../../../activities/payouts/fetch-ticker.js';

/** A ticker whose clock is this far from ours; answers with when its price counts as quoted, from now on. */
async function quotedAfter(skewMs: number): Promise<number> {
  const nowMs = Date.now();
  const fetchTicker = createFetchTicker({
    qbitpay: { getTicker: () => Promise.resolve({ timestamp: nowMs + skewMs, price: '6.97' }) },
  } as unknown as ActivityDependencies);
  const result = await fetchTicker({
    ...{ payoutId: 'p-1', fundingCurrency: 'USDT', currency: 'CNY' },
    purpose: 'order',
  });
  if (result.kind !== 'price') throw new Error(result.kind);
  return result.price.quotedAtMs - nowMs;
}

test('a price is as old as its timestamp says', async () => {
  expect(await quotedAfter(-20_000)).toBe(-20_000);
});

test('a clock of the provider that is ahead makes no price younger than its reading', async () => {
  const quotedMs = await quotedAfter(3_600_000);
  expect(quotedMs).toBeGreaterThanOrEqual(0);
  expect(quotedMs).toBeLessThan(10_000);
});
