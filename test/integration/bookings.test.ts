import type { Kysely } from 'kysely';
import { createStoreDatabase } from '../../src/store/database.js';
import {
  bookAdjustment,
  bookOrder,
  bookOutsideActivity,
  bookPayout,
  bookReservation,
  releaseFunds,
} from '../../src/store/ledger/bookings.js';
import type { StoreSchema } from '../../src/store/schema.js';
import { auditLedger } from '../support/ledger-audit.js';
import { addAvailable, openPayout, openTestStore, type TestStore } from '../support/test-store.js';

let store: TestStore;
let db: Kysely<StoreSchema>;
beforeAll(async () => {
  store = await openTestStore();
  db = createStoreDatabase({ url: store.url, onIdleError: () => undefined });
});
afterAll(async () => {
  expect(await auditLedger(store.sql)).toEqual([]);
  await db.destroy();
  await store.close();
});

async function balances(currency: string): Promise<Record<string, string>> {
  const { rows } = await store.sql.query<{ kind: string; balance: string }>(
    `select kind, trim_scale(balance)::text as balance from ledger_accounts where currency = $1 and balance <> 0`,
    [currency],
  );
  return Object.fromEntries(rows.map(({ kind, balance }) => [kind, balance]));
}

test('charges are borne by the money of the payout as far as it goes, and what is freed makes good the rest', async () => {
  const { payoutId } = await openPayout(store.store);
  await addAvailable(store.store, 'USDT', '100');
  await addAvailable(store.store, 'CNY', '1000');
  await db.transaction().execute(async (trx) => {
    await bookReservation(trx, payoutId, { currency: 'USDT', amount: '100' });
    await bookOrder(trx, {
      externalOrderId: payoutId,
      payoutId,
      sold: { currency: 'USDT', amount: '100' },
      bought: { currency: 'CNY', amount: '700' },
      fee: '7',
      price: '7',
      estimatedPrice: null,
      estimate: null,
    });
  });
  expect(await balances('USDT')).toEqual({});
  // The fee of an order comes out of what the order brought in.
  expect(await balances('CNY')).toEqual({ available: '1000', provider: '1693', payout: '693' });

  const debit = { externalOrderId: payoutId, payoutId, currency: 'CNY', amount: '690', fee: '3.45' };
  await db.transaction().execute((trx) => bookPayout(trx, debit));
  expect(await balances('CNY')).toEqual({ available: '1000', provider: '999.55', shortfall: '-0.45' });

  // What is given back of the amount covers what the fee takes on top.
  const after = { ...debit, amount: '680', fee: '8.45' };
  await db.transaction().execute((trx) => bookAdjustment(trx, debit, after, 1));
  expect(await balances('CNY')).toEqual({
    available: '1000',
    provider: '1004.55',
    payout: '5',
    shortfall: '-0.45',
  });

  await db.transaction().execute((trx) => releaseFunds(trx, payoutId));
  expect(await balances('CNY')).toEqual({ available: '1004.55', provider: '1004.55' });
});

test('money that moves outside of the engine makes good a shortfall before it counts as such', async () => {
  const move = (id: string, amount: string) =>
    db
      .transaction()
      .execute((trx) =>
        bookOutsideActivity(trx, { balanceTransactionId: id, type: 'charge', currency: 'EUR', amount }),
      );
  await addAvailable(store.store, 'EUR', '100');
  await move('bt_1', '-4');
  expect(await balances('EUR')).toEqual({ available: '100', provider: '96', shortfall: '-4' });
  await move('bt_2', '10');
  expect(await balances('EUR')).toEqual({ available: '100', provider: '106', external: '6' });
});
