import { ENTRY_CAUSE } from '../../src/domain/ledger.js';
import { auditLedger } from '../support/ledger-audit.js';
import { addFree, deposit, openPayout, openTestBook, type TestBook } from '../support/test-book.js';

/** The rules that the database holds by itself, whatever the engine's code would ask of it. */

let book: TestBook;
beforeAll(async () => {
  book = await openTestBook();
});
afterAll(() => book.close());

let causes = 0;

/** An account of a currency that nothing else uses, so that no test sees another's balance. */
async function account(kind: string, currency = `X${(causes += 1)}`, payoutId: string | null = null) {
  const { rows } = await book.sql.query<{ account_id: string }>(
    `insert into ledger_accounts (funding_account, currency, kind, payout_id)
     values ('main', $1, $2, $3) returning account_id`,
    [currency, kind, payoutId],
  );
  return { id: rows[0]!.account_id, currency };
}

interface Line {
  readonly id: string;
  readonly amount: string;
}

/** Writes an entry with its postings in one statement, as the engine does. */
async function post(lines: readonly Line[], causeId = `t${(causes += 1)}`): Promise<string> {
  const { rows } = await book.sql.query<{ entry_id: string }>(
    `with entry as (insert into ledger_entries (cause, cause_id, funding_account)
       values ('outside_activity', $1, 'main') returning entry_id),
     postings as (insert into ledger_postings (entry_id, line, account_id, amount)
       select entry_id, line, account_id, amount
       from entry, unnest($2::bigint[], $3::numeric[]) with ordinality as line (account_id, amount, line))
     select entry_id from entry`,
    [causeId, lines.map(({ id }) => id), lines.map(({ amount }) => amount)],
  );
  return rows[0]!.entry_id;
}

async function balanceOf(id: string): Promise<unknown> {
  const { rows } = await book.sql.query<{ debits: string; credits: string; balance: string }>(
    `select debits, credits, balance from ledger_accounts where account_id = $1`,
    [id],
  );
  return rows[0];
}

/** A currency whose free balance is 10. */
async function tenFree() {
  const provider = await account('provider');
  const free = await account('free', provider.currency);
  const entryId = await post([
    { id: provider.id, amount: '10' },
    { id: free.id, amount: '-10' },
  ]);
  return { provider, free, entryId };
}

test('an entry moves the balances of its accounts, each on its normal side', async () => {
  const { provider, free } = await tenFree();
  await post([
    { id: free.id, amount: '2.5' },
    { id: provider.id, amount: '-2.5' },
  ]);
  expect(await balanceOf(provider.id)).toEqual({ debits: '10', credits: '2.5', balance: '7.5' });
  expect(await balanceOf(free.id)).toEqual({ debits: '2.5', credits: '10', balance: '7.5' });
});

test('postings that do not sum to zero are refused', async () => {
  const { provider, free } = await tenFree();
  const lines = [
    { id: provider.id, amount: '10' },
    { id: free.id, amount: '-9.99999999' },
  ];
  await expect(post(lines)).rejects.toMatchObject({
    code: '23514',
    message: expect.stringContaining('do not sum to zero'),
  });
  expect(await balanceOf(provider.id)).toMatchObject({ balance: '10' });
});

test('postings that sum to zero over two currencies only are refused', async () => {
  const [one, other] = [await tenFree(), await tenFree()];
  const lines = [
    { id: one.provider.id, amount: '1' },
    { id: other.free.id, amount: '-1' },
  ];
  await expect(post(lines)).rejects.toMatchObject({
    code: '23514',
    message: expect.stringContaining('do not sum to zero'),
  });
});

test('a posting of nothing is refused', async () => {
  const { provider } = await tenFree();
  await expect(post([{ id: provider.id, amount: '0' }])).rejects.toMatchObject({ code: '23514' });
});

test('an entry gets no postings later, even balanced ones', async () => {
  const { provider, free, entryId } = await tenFree();
  const later = book.sql.query(`insert into ledger_postings values ($1, 3, $2, 1), ($1, 4, $3, -1)`, [
    entryId,
    provider.id,
    free.id,
  ]);
  await expect(later).rejects.toMatchObject({
    code: '23001',
    message: expect.stringContaining('no postings later'),
  });
  expect(await balanceOf(free.id)).toMatchObject({ balance: '10' });
});

test('an entry without postings is refused when it is committed', async () => {
  const client = await book.sql.connect();
  try {
    await client.query('begin');
    await client.query(
      `insert into ledger_entries (cause, cause_id, funding_account) values ('return', 'empty', 'main')`,
    );
    await expect(client.query('commit')).rejects.toMatchObject({
      code: '23514',
      message: expect.stringContaining('has no postings'),
    });
  } finally {
    client.release();
  }
});

test.each([
  `update ledger_entries set cause_id = cause_id || 'x'`,
  `update ledger_postings set amount = amount * 2`,
  `delete from ledger_entries`,
  `delete from ledger_postings`,
  `truncate ledger_postings`,
  `truncate ledger_entries cascade`,
])('what was booked stays as it is: %s', async (statement) => {
  await tenFree();
  await expect(book.sql.query(statement)).rejects.toMatchObject({
    code: '23001',
    message: expect.stringContaining('append-only'),
  });
});

test.each([
  `update ledger_accounts set credits = credits + 1 where account_id = $1`,
  `update ledger_accounts set currency = 'XXX' where account_id = $1`,
  `delete from ledger_accounts where account_id = $1`,
])('a balance moves by postings only: %s', async (statement) => {
  const { free } = await tenFree();
  await expect(book.sql.query(statement, [free.id])).rejects.toMatchObject({ code: '23001' });
  expect(await balanceOf(free.id)).toMatchObject({ balance: '10' });
});

test.each(['free', 'parked', 'external', 'rounding', 'fees', 'conversion', 'provider', 'returning'])(
  'the account %s never falls below zero',
  async (kind) => {
    const { provider, free } = await tenFree();
    const isDebit = kind === 'provider' || kind === 'returning';
    const { id } =
      kind === 'provider' ? provider : kind === 'free' ? free : await account(kind, free.currency);
    const other = await account('shortfall', free.currency);
    const amount = '10.000001';
    const lines = isDebit
      ? [
          { id: other.id, amount },
          { id, amount: `-${amount}` },
        ]
      : [
          { id, amount },
          { id: provider.id, amount: `-${amount}` },
        ];
    await expect(post(lines)).rejects.toMatchObject({ constraint: 'ledger_accounts_never_below_zero' });
  },
);

test('the funds of a payout never fall below zero', async () => {
  const { payoutId, amount } = await openPayout(book.book);
  await deposit(book.book, amount);
  const { rows } = await book.sql.query<{ account_id: string; kind: string }>(
    `select account_id, kind from ledger_accounts
     where payout_id = $1 or (kind = 'provider' and currency = 'USDT') order by kind`,
    [payoutId],
  );
  const [funds, provider] = rows;
  const lines = [
    { id: funds!.account_id, amount: `${amount}1` },
    { id: provider!.account_id, amount: `-${amount}1` },
  ];
  await expect(post(lines)).rejects.toMatchObject({ constraint: 'ledger_accounts_never_below_zero' });
});

test('only a shortfall is below zero, and it is never above', async () => {
  const { provider, free } = await tenFree();
  const shortfall = await account('shortfall', free.currency);
  await post([
    { id: shortfall.id, amount: '4' },
    { id: provider.id, amount: '-4' },
  ]);
  expect(await balanceOf(shortfall.id)).toMatchObject({ balance: '-4' });
  const tooMuch = [
    { id: provider.id, amount: '4.01' },
    { id: shortfall.id, amount: '-4.01' },
  ];
  await expect(post(tooMuch)).rejects.toMatchObject({
    constraint: 'ledger_accounts_shortfall_never_above_zero',
  });
});

test('the same cause is booked once', async () => {
  const { provider, free } = await tenFree();
  const lines = [
    { id: provider.id, amount: '1' },
    { id: free.id, amount: '-1' },
  ];
  await post(lines, 'bt-once');
  await expect(post(lines, 'bt-once')).rejects.toMatchObject({ constraint: 'ledger_entries_once_per_cause' });
  expect(await balanceOf(free.id)).toMatchObject({ balance: '11' });
});

test('a currency has one account of each kind, and a payout one for its funds', async () => {
  const { free } = await tenFree();
  await expect(account('free', free.currency)).rejects.toMatchObject({ code: '23505' });
  await expect(account('savings')).rejects.toMatchObject({ code: '23514' });
  const { payoutId } = await openPayout(book.book);
  await account('payout', 'X', payoutId);
  await expect(account('payout', 'X', payoutId)).rejects.toMatchObject({ code: '23505' });
  await expect(account('payout', 'X')).rejects.toMatchObject({ code: '23514' });
});

test('outside activity that is read again is booked once, also by two at a time', async () => {
  const activity = { balanceTransactionId: 'bt-outside', type: 'charge', currency: 'CNY', net: '12.50' };
  await Promise.all(
    Array.from({ length: 10 }, () => book.book.reconciliation.recordOutsideActivity([activity as never])),
  );
  const { rows } = await book.sql.query(`select 1 from ledger_entries where cause = $1 and cause_id = $2`, [
    ENTRY_CAUSE.OUTSIDE,
    'bt-outside',
  ]);
  expect(rows).toHaveLength(1);
});

test('running balances are the sums of all postings', async () => {
  await addFree(book.book, 'USDT', '100');
  const { payoutId, amount } = await openPayout(book.book);
  await deposit(book.book, amount);
  expect(await book.book.ledger.fundsOf(payoutId)).toEqual([{ currency: 'USDT', amount }]);
  expect(await auditLedger(book.sql)).toEqual([]);
});
