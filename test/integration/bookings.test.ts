import type { Kysely } from 'kysely';
import { createStoreDatabase, type StoreTransaction } from '../../src/store/database.js';
import {
  bookAdjustment,
  bookOrder,
  bookOutsideActivity,
  bookPayout,
  bookReservation,
} from '../../src/store/ledger/bookings.js';
import { releaseFunds } from '../../src/store/ledger/releases.js';
import type { StoreSchema } from '../../src/store/schema.js';
import { auditLedger } from '../support/ledger-audit.js';
import { WAITING_SESSIONS } from '../support/request-store.js';
import { addAvailable, deposit, openPayout, openTestStore, type TestStore } from '../support/test-store.js';
import { untilAnswer } from '../support/until-answer.js';

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
    await bookReservation(trx, {
      payoutId,
      owner: 'default',
      currency: 'USDT',
      amount: '100',
      fromOwed: '0',
    });
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

  const payout = await db.selectFrom('payouts').selectAll().executeTakeFirstOrThrow();
  await db.transaction().execute((trx) => releaseFunds(trx, payout));
  expect(await balances('CNY')).toEqual({ available: '1000', owed: '4.55', provider: '1004.55' });
});

test('K31: what is taken outside of the engine is of what came in so, then of what is available', async () => {
  const move = (id: string, amount: string) =>
    db
      .transaction()
      .execute((trx) =>
        bookOutsideActivity(trx, { balanceTransactionId: id, type: 'charge', currency: 'EUR', amount }),
      );
  await addAvailable(store.store, 'EUR', '100');
  await move('bt_1', '-4');
  expect(await balances('EUR')).toEqual({ available: '96', provider: '96' });
  await move('bt_2', '10');
  await move('bt_3', '-12');
  expect(await balances('EUR')).toEqual({ available: '94', provider: '94' });
});

test('who books while another does waits for him, and finds the accounts that he made', async () => {
  const come = (trx: StoreTransaction, balanceTransactionId: string) =>
    bookOutsideActivity(trx, { balanceTransactionId, type: 'credit', currency: 'SEK', amount: '10' });
  const first = await db.startTransaction().execute();
  await come(first, 'bt_sek_1');
  const second = db.transaction().execute((trx) => come(trx, 'bt_sek_2'));
  await untilAnswer(
    () => store.sql.query(WAITING_SESSIONS),
    ({ rowCount }) => rowCount === 1,
    'the second one behind the lock',
  );
  await first.commit().execute();
  await second;
  expect(await balances('SEK')).toEqual({ external: '20', provider: '20' });
});

test('a deposit that is missing stays whose it is, and what a payout that ended has borne of it its owner is owed once it shows', async () => {
  const { payoutId, amount } = await openPayout(store.store);
  const depositId = await deposit(store.store, amount);
  const before = await balances('USDT');
  await store.store.deposits.markMissing(depositId);
  await store.store.deposits.markMissing(depositId);
  expect(await store.store.payouts.getPayout(payoutId)).toMatchObject({
    status: 'held',
    holdReason: 'DEPOSIT_MISSING',
    flags: ['DEPOSIT_MISSING'],
  });
  expect(await balances('USDT')).toMatchObject({ missing: amount, payout: before['payout'] });
  await store.store.deposits.markFound(depositId);
  expect(await balances('USDT')).toEqual(before);

  await store.store.deposits.markMissing(depositId);
  const closing = { payoutId, to: 'cancelled', detail: 'by the test' } as const;
  expect(await store.store.payouts.closeFunding(closing)).toEqual({ ok: true });
  const ended = await balances('USDT');
  expect(ended).not.toHaveProperty('missing');
  expect(ended['available']).toBe(before['available']);
  expect(ended).not.toHaveProperty('owed');
  await store.store.deposits.markFound(depositId);
  expect(await balances('USDT')).toMatchObject({ ...ended, owed: amount });
});
