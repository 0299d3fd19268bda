import { findShownDeposits } from '../../../activities/deposits/shown-deposits.js';
import type { BalanceTransaction } from '../../../src/qbitpay/schemas.js';

const NOW_MS = Date.parse('2026-11-01T12:00:00Z');

/** Newest first, a second apart, as QbitPay lists them; only the oldest is of the amount. */
function listOf(count: number): { readonly reads: () => number; readonly qbitpay: never } {
  let reads = 0;
  async function* iterateBalanceTransactions(): AsyncGenerator<BalanceTransaction> {
    for (let age = 1; age <= count; age += 1) {
      reads += 1;
      yield await Promise.resolve({
        id: `bt-${age}`,
        object: 'balanceTransaction',
        type: 'deposit',
        typeText: 'deposit',
        status: 'available',
        currency: 'USDT',
        amount: age === count ? '720' : '1',
        source: `dep-${age}`,
        createdAt: new Date(NOW_MS - age * 1_000).toISOString(),
      } as BalanceTransaction);
    }
  }
  return { reads: () => reads, qbitpay: { iterateBalanceTransactions } as never };
}

const asked = { currency: 'USDT', amount: '720' };

test('since a moment: it is read as far back as that, whatever has come in since', async () => {
  const list = listOf(3_000);
  const shown = await findShownDeposits(list.qbitpay, { ...asked, sinceMs: NOW_MS - 3_600_000 });
  expect(shown.map(({ source }) => source)).toEqual(['dep-3000']);
});

test('since a moment: and no further', async () => {
  const list = listOf(3_000);
  expect(await findShownDeposits(list.qbitpay, { ...asked, sinceMs: NOW_MS - 10_000 })).toEqual([]);
  expect(list.reads()).toBe(11);
});

test('of whenever: a bounded number of them', async () => {
  const list = listOf(3_000);
  expect(await findShownDeposits(list.qbitpay, asked)).toEqual([]);
  expect(list.reads()).toBeLessThan(2_100);
});
