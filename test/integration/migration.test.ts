import { readReturn } from '../../activities/await-return.js';
import { ensureOpeningBalances } from '../../activities/opening-balances.js';
import type { Book } from '../../src/book/book.js';
import { openBook } from '../../src/book/book.js';
import { createDatabase } from '../support/engine.js';
import { insertOldDeposit, insertOldPayout, migrateToFirstSchema } from '../support/first-schema.js';
import { auditLedger } from '../support/ledger-audit.js';
import { attachTestBook, newDatabaseName, type TestBook } from '../support/test-book.js';

/** A book from before there was a ledger, with payouts wherever one could be, and what becomes of them. */

let book: TestBook;
beforeEach(async () => {
  const url = await createDatabase(newDatabaseName());
  await migrateToFirstSchema(url);
  book = attachTestBook(url);
  await fillOldBook();
});
afterEach(() => book.close());

async function fillOldBook(): Promise<void> {
  const { sql } = book;
  await sql.query(
    `insert into opening_balances values ('USDT', 1000, now()), ('CNY', 0, now()), ('EUR', -3, now())`,
  );
  const add = (payoutId: string, status: string, depositAmount: string, more = {}): Promise<void> =>
    insertOldPayout(sql, { payoutId, status, depositAmount, ...more });
  const sold = { order: 'filled' };
  await add('opening', 'opening', '700.000001', { received: '0' });
  await add('awaiting', 'awaiting_deposit', '700.000002', { received: '0' });
  await add('partial', 'awaiting_deposit', '728.000002', { received: '300' });
  await add('converting', 'converting', '728.000003', { order: 'open' });
  await add('paying', 'paying', '728.000004', sold);
  await add('transit', 'in_transit', '728.000005', { ...sold, attempt: 'processing' });
  await add('paid', 'paid', '728.000006', { ...sold, attempt: 'paid' });
  await add('failed', 'failed', '728.000007', { ...sold, attempt: 'failed' });
  await add('returned', 'cancelled', '728.000008', { ...sold, attempt: 'cancelled' });
  await add('cancelled', 'cancelled', '728.000009');
  await add('refused', 'failed', '728.000010');
  await add('held', 'held', '728.000011', { ...sold, holdReason: 'DESTINATION_REFUSED' });
  await add('expired', 'expired', '700.000003', { received: '0' });
  await add('rejected', 'rejected', '700.000004', { received: '0' });
  await insertOldDeposit(sql, { key: 'new', amount: '50', status: 'verified' });
  await insertOldDeposit(sql, {
    key: 'late',
    amount: '70',
    status: 'parked',
    payoutId: 'expired',
    parkReason: 'LATE_DEPOSIT',
  });
  for (const [key, amount] of [
    ['one', '10'],
    ['two', '20'],
    ['three', '30'],
  ] as const) {
    await insertOldDeposit(sql, {
      key,
      amount,
      status: 'parked',
      parkReason: 'UNMATCHED_DEPOSIT',
      txHash: '0xsame',
    });
  }
}

async function balances(currency: string) {
  const found = (await book.book.ledger.balances()).find((balance) => balance.currency === currency);
  if (found === undefined) throw new Error(`nothing is booked in ${currency}`);
  const { free, inPayouts, parked, returning, shortfall, provider } = found;
  const all = { free, inPayouts, parked, returning, shortfall, provider };
  return Object.fromEntries(Object.entries(all).map(([name, amount]) => [name, Number(amount)]));
}

function close(payoutId: string) {
  const origin = {
    request: { payoutId },
    firstExecutionRunId: `run-of-${payoutId}`,
  } as Parameters<Book['payouts']['close']>[0]['origin'];
  return book.book.payouts.close({ origin, to: 'cancelled', detail: 'by the test' });
}

test('the ledger has what the old book had', async () => {
  expect(await book.book.migrate()).toEqual(['0002-ledger', '0003-operations']);
  expect(await auditLedger(book.sql)).toEqual([]);
  // 1000 at the beginning; 9 deposits of 728 and 0.000063 of tails, 300, 50 and 130; less 720 sold six times.
  // Free are the 1000, 8.000006 that the paid one had left, and 728.000009 and 728.00001 of the cancelled and the refused.
  expect(await balances('USDT')).toEqual({
    free: 2464.000025,
    inPayouts: 1068.000038,
    parked: 50 + 70 + 60,
    returning: 0,
    shortfall: 0,
    provider: 3712.000063,
  });
  // 5040 brought in six times, 5025 taken four times, of which 5000 come back twice.
  expect(await balances('CNY')).toEqual({
    free: 15,
    inPayouts: 5040 + 15 + 5015 + 5015 + 5040,
    parked: 0,
    returning: 10_000,
    shortfall: 0,
    provider: 6 * 5040 - 4 * 5025,
  });
  expect((await book.book.ledger.balances()).map(({ currency }) => currency)).toEqual(['CNY', 'USDT']);
  expect(await book.book.ledger.fundsOf('failed')).toEqual([
    { currency: 'CNY', amount: '5015' },
    { currency: 'USDT', amount: '8.000007' },
  ]);
});

test('what the account holds beyond the old book is opened once, and what came back is not counted twice', async () => {
  await book.book.migrate();
  const before = new Date(Date.now() - 60_000).toISOString();
  // After the opening, however long it takes to come to it.
  const later = new Date(Date.now() + 3_600_000).toISOString();
  const move = (id: string, type: string, source: string | undefined, currency: string, amount: string) => ({
    ...{ id, type, source, currency, amount, status: 'available' },
    createdAt: type === 'charge' ? later : before,
  });
  // The failed payout's money came back before there was a ledger, a deposit was not heard of yet, and somebody paid.
  const transactions = [
    move('bt-charge', 'charge', 'ch-1', 'CNY', '70'),
    move('bt-unseen', 'deposit', 'dep-unseen', 'USDT', '11'),
    move('bt-back', 'payout_failure', 'po-failed', 'CNY', '5025'),
  ];
  const held = { CNY: 6 * 5040 - 4 * 5025 + 5025 + 70 + 300, USDT: 3712.000063 + 11 };
  const qbitpay = {
    listBalances: () =>
      Promise.resolve(
        Object.entries(held).map(([currency, available]) => ({
          ...{ currency, available: String(available), pending: '0' },
        })),
      ),
    listBalanceTransactions: ({ source, limit }: { source?: string; limit?: number } = {}) =>
      Promise.resolve({
        data: transactions.filter((one) => source === undefined || one.source === source).slice(0, limit),
        isLast: true,
      }),
    iterateBalanceTransactions: () => [],
  } as unknown as Parameters<typeof ensureOpeningBalances>[0]['qbitpay'];
  await book.sql.query(`delete from engine_settings where name = 'opening_balances_recorded'`);
  await book.sql.query(`update engine_settings set value = $1 where name = 'deposits_from'`, [
    new Date(Date.now() - 120_000).toISOString(),
  ]);
  await ensureOpeningBalances({ book: book.book, qbitpay });
  await ensureOpeningBalances({ book: book.book, qbitpay });
  const returned = await readReturn(
    { book: book.book, qbitpay },
    { payoutId: 'failed', providerPayoutId: 'po-failed' },
  );
  expect(returned).toMatchObject({ status: 'failed', isReturning: false });
  // 15 that the paid one had left, 300 that were there; 5025 that came back and 15 that the failed one had left.
  expect(await balances('CNY')).toMatchObject({
    free: 15 + 300 + 5025 + 15,
    returning: 5000,
    provider: held.CNY - 70,
  });
  expect(await balances('USDT')).toMatchObject({ provider: 3712.000063 });
  expect(await auditLedger(book.sql)).toEqual([]);
});

test('an old book in which QbitPay took more than was known of migrates: the rest is outside money', async () => {
  await book.sql.query('delete from opening_balances');
  await book.sql.query(`update provider_payouts set fee = 11000 where payout_id = 'transit'`);
  await book.book.migrate();
  expect(await auditLedger(book.sql)).toEqual([]);
  expect((await balances('CNY'))['provider']).toBeGreaterThanOrEqual(0);
});

test('lists and timelines read the old rows', async () => {
  await book.book.migrate();
  const { payouts, hasMore } = await book.book.payouts.list({ limit: 100 });
  expect(hasMore).toBe(false);
  expect(payouts).toHaveLength(14);
  expect(payouts.every(({ funding, flags }) => funding === 'deposit' && flags.length === 0)).toBe(true);
  const { deposits } = await book.book.deposits.list({ limit: 100 });
  expect(deposits).toHaveLength(15);
  expect(deposits.find(({ depositId }) => depositId === 'dep-paid')).toMatchObject({
    status: 'allocated',
    allocations: [{ payoutId: 'paid', amount: '728.000006', matchedBy: 'exactAmount' }],
  });
  const { entries } = await book.book.ledger.list({ limit: 100, payoutId: 'paid' });
  expect(entries.map(({ cause }) => cause)).toEqual(['release', 'payout', 'order', 'allocation']);
  expect((await book.book.ledger.list({ limit: 100, depositId: 'late' })).entries).toHaveLength(1);
});

test('several old deposits of one transaction stay several', async () => {
  await book.book.migrate();
  const { rows } = await book.sql.query(
    `select deposit_key, tx_index from deposits where tx_hash = '0xsame' order by tx_index`,
  );
  expect(rows.map(({ tx_index: index }) => index)).toEqual([0, 1, 2]);
  // Announced again, each is found again; a fourth is a fourth.
  for (const depositKey of ['one', 'three', 'four']) {
    const names = { depositKey, providerDepositId: depositKey, txHash: '0xsame' };
    const money = { currency: 'USDT', amount: '30', address: '0xA', proof: 'bt' };
    expect(await book.book.deposits.recordVerified({ ...names, ...money })).toBe(depositKey);
  }
  expect(await balances('USDT')).toMatchObject({ parked: 50 + 70 + 60 + 30 });
  expect(await auditLedger(book.sql)).toEqual([]);
});

test('a payout in flight goes on: it is settled, and what it has left is free', async () => {
  await book.book.migrate();
  const before = await balances('CNY');
  const reading = {
    providerPayoutId: 'po-transit',
    currency: 'CNY',
    recipientAmount: '5000.00',
    fee: '25.00',
  };
  const settled = await book.book.attempts.recordSettlement('transit', {
    ...reading,
    providerStatus: 'paid',
    outcome: { status: 'paid', detail: 'settled' },
  });
  expect(settled).toMatchObject({ status: 'paid', isReturning: false });
  expect((await book.book.payouts.get('transit')).flags).toEqual([]);
  expect(await balances('CNY')).toMatchObject({ free: before['free']! + 15, provider: before['provider'] });
  expect(await auditLedger(book.sql)).toEqual([]);
});

test('an order that was open is booked when it is filled, and its payout accepted', async () => {
  await book.book.migrate();
  const { order } = await book.book.payouts.get('converting');
  await book.book.attempts.upsertOrder('converting', { ...order!, status: 'filled' });
  const fence = { operation: 'payout', externalOrderId: 'converting' } as const;
  await book.book.attempts.enterStep('converting', fence, 'paying');
  await book.book.attempts.claimSending(fence, { amount: '1', currency: 'CNY' });
  const status = await book.book.attempts.recordProviderPayout('converting', {
    payout: {
      externalOrderId: 'converting',
      providerPayoutId: 'po-converting',
      currency: 'CNY',
      postAmount: '5000.00',
      recipientAmount: '5000.00',
      fee: '25.00',
      status: 'processing',
    },
  });
  expect(status).toBe('in_transit');
  expect(await book.book.ledger.fundsOf('converting')).toEqual([
    { currency: 'CNY', amount: '15' },
    { currency: 'USDT', amount: '8.000003' },
  ]);
  expect(await auditLedger(book.sql)).toEqual([]);
});

test('payouts that wait are cancelled, with and without a part of their deposit', async () => {
  await book.book.migrate();
  const before = await balances('USDT');
  expect(await close('awaiting')).toMatchObject({ kind: 'closed', status: 'cancelled' });
  expect(await close('partial')).toMatchObject({ kind: 'closed', status: 'cancelled' });
  expect(await balances('USDT')).toMatchObject({ free: before['free']! + 300, provider: before['provider'] });
  expect(await auditLedger(book.sql)).toEqual([]);
});

test('the rest of a deposit still finds its payout, and a person a parked one', async () => {
  await book.book.migrate();
  await book.book.deposits.declareTransaction({ payoutId: 'partial', txHash: '0xrest', actor: 'test' });
  const key = await book.book.deposits.recordVerified({
    ...{ depositKey: 'rest', providerDepositId: 'rest', txHash: '0xrest' },
    ...{ currency: 'USDT', amount: '428.000002', address: '0xA', proof: 'bt-rest' },
  });
  const outcome = await book.book.deposits.allocate(key);
  expect(outcome).toMatchObject({ kind: 'allocated', payoutId: 'partial', missing: '0' });
  expect(await book.book.deposits.allocate('new')).toMatchObject({ kind: 'parked' });
  expect(await book.book.deposits.assign('late', 'free', 'test')).toMatchObject({ kind: 'assigned' });
  expect(await auditLedger(book.sql)).toEqual([]);
});

test('money that had not come back yet is booked when it does', async () => {
  await book.book.migrate();
  const returning = await book.book.reconciliation.findReturning();
  expect(returning.map(({ payoutId }) => payoutId).toSorted()).toEqual(['failed', 'returned']);
  for (const [payoutId, net] of [
    ['failed', '5000.00'],
    ['returned', '5025.00'],
  ] as const) {
    await book.book.attempts.recordReturn(payoutId, {
      providerPayoutId: `po-${payoutId}`,
      balanceTransactionId: `bt-${payoutId}`,
      net,
    });
  }
  const { returning: left, free } = await balances('CNY');
  expect([left, free]).toEqual([0, 15 + 5015 + 5040]);
  expect(await auditLedger(book.sql)).toEqual([]);
});

test('migrating again changes nothing', async () => {
  await book.book.migrate();
  const before = await book.sql.query('select * from ledger_accounts order by account_id');
  expect(await book.book.migrate()).toEqual([]);
  const after = await book.sql.query('select * from ledger_accounts order by account_id');
  expect(after.rows).toEqual(before.rows);
});

test('two processes that migrate at once migrate once', async () => {
  const other = openBook({ url: book.url, onIdleError: () => undefined });
  try {
    const done = await Promise.all([book.book.migrate(), other.migrate()]);
    expect(done.flat()).toEqual(['0002-ledger', '0003-operations']);
    await Promise.all([book.book.assertMigrated(), other.assertMigrated()]);
    expect(await auditLedger(book.sql)).toEqual([]);
    expect(await balances('CNY')).toMatchObject({ provider: 6 * 5040 - 4 * 5025 });
  } finally {
    await other.close();
  }
});
