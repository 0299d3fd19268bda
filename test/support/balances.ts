import { parse } from 'lossless-json';
import { Client as PostgresClient } from 'pg';
import { addAmounts, compareAmounts } from '../../src/domain/money.js';
import { CANARY_API_KEY, type TestEngine } from './engine.js';
import type { Json } from './engine-client.js';
import { untilAnswer } from './until-answer.js';

/** The money of a test engine: whose it is by the ledger, and whether the books agree with themselves and with QbitPay. */

/** Deposits money that belongs to nobody and gives it to the available balance; answers with the deposit's id. */
export async function makeAvailable(engine: TestEngine, currency: string, amount: string): Promise<string> {
  const depositId = await leaveUnallocated(engine, currency, amount);
  // On a busy machine QbitPay is not read in time, and the caller is to try again.
  const assigned = await untilAnswer(
    () => engine.api('POST', `/v1/deposits/${depositId}/assign`, { to: 'available' }),
    ({ status }) => status !== 503,
    `deposit ${depositId} assigned`,
  );
  expect(assigned).toMatchObject({ status: 200, body: { status: 'allocated' } });
  return depositId;
}

/** Deposits money that belongs to nobody, and waits until it is unallocated, and its notice was read. */
export async function leaveUnallocated(
  engine: TestEngine,
  currency: string,
  amount: string,
): Promise<string> {
  const { id } = await engine.control('POST', '/deposits', { currency, amount });
  await untilAnswer(
    () => engine.api('GET', `/v1/deposits/${id}`),
    ({ status, body }) => status === 200 && body.status === 'unallocated' && body.txHash !== null,
    `deposit ${id} unallocated`,
  );
  return id;
}

/** Whose the money in a currency is; undefined where nothing was ever booked. */
export async function balanceIn(engine: TestEngine, currency: string): Promise<Json> {
  const { body } = await engine.api('GET', '/v1/balances');
  return body.data.find((balance: Json) => balance.currency === currency);
}

/** What is available in a currency. */
export async function availableIn(engine: TestEngine, currency: string): Promise<string> {
  return (await balanceIn(engine, currency))?.available ?? '0';
}

/** What is owed to the one owner whose payouts a test makes. */
export async function owedIn(engine: TestEngine, currency: string): Promise<string> {
  return (await balanceIn(engine, currency))?.owed ?? '0';
}

/** Waits until the available balance is this amount, to the last digit. */
export async function untilAvailable(engine: TestEngine, currency: string, amount: string): Promise<Json> {
  return untilAnswer(
    () => balanceIn(engine, currency),
    (balance) => balance?.available === amount,
    `${amount} ${currency} available`,
  );
}

/** The entries that the ledger has for a payout, oldest first. */
export async function entriesOf(engine: TestEngine, payoutId: string): Promise<Json[]> {
  const { body } = await engine.api('GET', `/v1/ledger?payoutId=${payoutId}&limit=100`);
  return body.data.toReversed();
}

export const causesOf = (entries: readonly Json[]): string[] => entries.map(({ cause }) => cause);

/** What GET shows of a payout's money: every entry of it sums to zero in every currency. */
export function expectPostingsToBalance({ postings }: Json): void {
  const sums = new Map<string, string>();
  for (const { entryId, currency, amount } of postings) {
    const key = `${entryId} ${currency}`;
    sums.set(key, addAmounts(sums.get(key) ?? '0', amount));
  }
  expect(sums.size).toBeGreaterThan(0);
  expect([...sums].filter(([, sum]) => sum !== '0')).toEqual([]);
}

/**
 * What must hold whenever nothing is under way: the ledger sums to zero, its running balances are what its postings
 * say, nothing but a shortfall is below zero, and it holds exactly what QbitPay holds.
 */
export async function expectBooksToBalance(engine: TestEngine): Promise<void> {
  const faults = await findLedgerFaults(engine.databaseUrl);
  expect(faults).toEqual({ unbalanced: [], drifted: [], belowZero: [] });
  // What was asked for last may be on its way between the two.
  await untilAnswer(
    async () => ({ ledger: await ledgerHoldings(engine), provider: await providerHoldings(engine) }),
    ({ ledger, provider }) => isSame(ledger, provider),
    'ledger and QbitPay of one mind',
  );
}

type Holdings = Readonly<Record<string, string>>;

function isSame(left: Holdings, right: Holdings): boolean {
  const currencies = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return currencies.every((currency) => left[currency] === right[currency]);
}

/** The ledger's account of what QbitPay holds, by currency; nothing is left out. */
async function ledgerHoldings(engine: TestEngine): Promise<Holdings> {
  const { body } = await engine.api('GET', '/v1/balances');
  return toHoldings(body.data.map(({ currency, ledger }: Json) => [currency, addAmounts(ledger)]));
}

/** Available and pending, exactly as QbitPay's own API shows them. */
async function providerHoldings(engine: TestEngine): Promise<Holdings> {
  const response = await fetch(`${engine.env['QBITPAY_BASE_URL'] ?? ''}/api/v1/balances/show`, {
    headers: { authorization: `Basic ${Buffer.from(`${CANARY_API_KEY}:`).toString('base64')}` },
  });
  if (!response.ok) throw new Error(`balances/show answered ${response.status}`);
  const shown: Json = parse(await response.text(), undefined, (digits) => addAmounts(digits));
  const balances: Json[] = shown.data ?? [shown];
  return toHoldings(
    balances.map(({ currency, available, pending }) => [currency, addAmounts(available, pending)]),
  );
}

function toHoldings(held: readonly (readonly [string, string])[]): Holdings {
  return Object.fromEntries(held.filter(([, amount]) => compareAmounts(amount, '0') !== 0));
}

async function findLedgerFaults(databaseUrl: string): Promise<Record<string, Json[]>> {
  const database = new PostgresClient({ connectionString: databaseUrl });
  await database.connect();
  try {
    const rowsOf = async (query: string): Promise<Json[]> => (await database.query(query)).rows;
    return {
      unbalanced: await rowsOf(
        `select entry_id, currency, sum(amount) from ledger_postings join ledger_accounts using (account_id)
         group by grouping sets ((entry_id, currency), (currency)) having sum(amount) <> 0`,
      ),
      drifted: await rowsOf(
        `select account_id, debits, credits from ledger_accounts left join ledger_postings using (account_id)
         group by account_id having debits - credits <> coalesce(sum(amount), 0)`,
      ),
      belowZero: await rowsOf(
        `select currency, kind, balance from ledger_accounts where kind not in ('shortfall', 'owed') and balance < 0`,
      ),
    };
  } finally {
    await database.end();
  }
}
