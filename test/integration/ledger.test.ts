import { ENTRY_CAUSE } from '../../src/domain/ledger.js';
import { auditLedger } from '../support/ledger-audit.js';
import { addAvailable, deposit, openPayout, openTestStore, type TestStore } from '../support/test-store.js';

/** The rules that the database holds by itself, whatever the engine's code would ask of it. */

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

let causes = 0;

/** An account of a currency that nothing else uses, so that no test sees another's balance. */
async function account(kind: string, currency = `X${(causes += 1)}`, payoutId: string | null = null) {
  const { rows } = await store.sql.query<{ account_id: string }>(
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
  const { rows } = await store.sql.query<{ entry_id: string }>(
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
  const { rows } = await store.sql.query<{ debits: string; credits: string; balance: string }>(
    `select debits, credits, balance from ledger_accounts where account_id = $1`,
    [id],
  );
  return rows[0];
}

/** A currency whose available balance is 10. */
async function tenAvailable() {
  const provider = await account('provider');
  const available = await account('available', provider.currency);
  const entryId = await post([
    { id: provider.id, amount: '10' },
    { id: available.id, amount: '-10' },
  ]);
  return { provider, available, entryId };
}

test('an entry moves the balances of its accounts, each on its normal side', async () => {
  const { provider, available } = await tenAvailable();
  await post([
    { id: available.id, amount: '2.5' },
    { id: provider.id, amount: '-2.5' },
  ]);
  expect(await balanceOf(provider.id)).toEqual({ debits: '10', credits: '2.5', balance: '7.5' });
  expect(await balanceOf(available.id)).toEqual({ debits: '2.5', credits: '10', balance: '7.5' });
});

test('postings that do not sum to zero are refused', async () => {
  const { provider, available } = await tenAvailable();
  const lines = [
    { id: provider.id, amount: '10' },
    { id: available.id, amount: '-9.99999999' },
  ];
  await expect(post(lines)).rejects.toMatchObject({
    code: '23514',
    message: expect.stringContaining('do not sum to zero'),
  });
  expect(await balanceOf(provider.id)).toMatchObject({ balance: '10' });
});

test('postings that sum to zero over two currencies only are refused', async () => {
  const [one, other] = [await tenAvailable(), await tenAvailable()];
  const lines = [
    { id: one.provider.id, amount: '1' },
    { id: other.available.id, amount: '-1' },
  ];
  await expect(post(lines)).rejects.toMatchObject({
    code: '23514',
    message: expect.stringContaining('do not sum to zero'),
  });
});

test('a posting of nothing is refused', async () => {
  const { provider } = await tenAvailable();
  await expect(post([{ id: provider.id, amount: '0' }])).rejects.toMatchObject({ code: '23514' });
});

test('an entry gets no postings later, even balanced ones', async () => {
  const { provider, available, entryId } = await tenAvailable();
  const later = store.sql.query(`insert into ledger_postings values ($1, 3, $2, 1), ($1, 4, $3, -1)`, [
    entryId,
    provider.id,
    available.id,
  ]);
  await expect(later).rejects.toMatchObject({
    code: '23001',
    message: expect.stringContaining('no postings later'),
  });
  expect(await balanceOf(available.id)).toMatchObject({ balance: '10' });
});

test('an entry without postings is refused when it is committed', async () => {
  const client = await store.sql.connect();
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
  await tenAvailable();
  await expect(store.sql.query(statement)).rejects.toMatchObject({
    code: '23001',
    message: expect.stringContaining('append-only'),
  });
});

test.each([
  `update ledger_accounts set credits = credits + 1 where account_id = $1`,
  `update ledger_accounts set currency = 'XXX' where account_id = $1`,
  `delete from ledger_accounts where account_id = $1`,
])('a balance moves by postings only: %s', async (statement) => {
  const { available } = await tenAvailable();
  await expect(store.sql.query(statement, [available.id])).rejects.toMatchObject({ code: '23001' });
  expect(await balanceOf(available.id)).toMatchObject({ balance: '10' });
});

test.each([
  'available',
  'unallocated',
  'external',
  'rounding',
  'fees',
  'conversion',
  'provider',
  'return_pending',
])('the account %s never falls below zero', async (kind) => {
  const { provider, available } = await tenAvailable();
  const isDebit = kind === 'provider' || kind === 'return_pending';
  const { id } =
    kind === 'provider'
      ? provider
      : kind === 'available'
        ? available
        : await account(kind, available.currency);
  const other = await account('shortfall', available.currency);
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
});

test('the funds of a payout never fall below zero', async () => {
  const { payoutId, amount } = await openPayout(store.store);
  await deposit(store.store, amount);
  const { rows } = await store.sql.query<{ account_id: string; kind: string }>(
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
  const { provider, available } = await tenAvailable();
  const shortfall = await account('shortfall', available.currency);
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
  const { provider, available } = await tenAvailable();
  const lines = [
    { id: provider.id, amount: '1' },
    { id: available.id, amount: '-1' },
  ];
  await post(lines, 'bt-once');
  await expect(post(lines, 'bt-once')).rejects.toMatchObject({ constraint: 'ledger_entries_once_per_cause' });
  expect(await balanceOf(available.id)).toMatchObject({ balance: '11' });
});

test('a currency has one account of each kind, and a payout one for its funds', async () => {
  const { available } = await tenAvailable();
  await expect(account('available', available.currency)).rejects.toMatchObject({ code: '23505' });
  await expect(account('savings')).rejects.toMatchObject({ code: '23514' });
  const { payoutId } = await openPayout(store.store);
  await account('payout', 'X', payoutId);
  await expect(account('payout', 'X', payoutId)).rejects.toMatchObject({ code: '23505' });
  await expect(account('payout', 'X')).rejects.toMatchObject({ code: '23514' });
});

test('outside activity that is read again is booked once, also by two at a time', async () => {
  const activity = { balanceTransactionId: 'bt-outside', type: 'charge', currency: 'CNY', net: '12.50' };
  await Promise.all(
    Array.from({ length: 10 }, () => store.store.reconciliation.recordOutsideActivity([activity as never])),
  );
  const { rows } = await store.sql.query(`select 1 from ledger_entries where cause = $1 and cause_id = $2`, [
    ENTRY_CAUSE.OUTSIDE,
    'bt-outside',
  ]);
  expect(rows).toHaveLength(1);
});

test('running balances are the sums of all postings', async () => {
  await addAvailable(store.store, 'USDT', '100');
  const { payoutId, amount } = await openPayout(store.store);
  await deposit(store.store, amount);
  expect(await store.store.ledger.fundsOf(payoutId)).toEqual([{ currency: 'USDT', amount }]);
  expect(await auditLedger(store.sql)).toEqual([]);
});
