import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import type { Environment } from '../../src/config/config.js';
import { DISCREPANCIES } from '../../src/domain/reconciliation.js';
import { CANARY_API_KEY, startTestEngine, type TestEngine } from '../support/engine.js';
import { createDatabase } from '../support/test-database.js';
import { openAndFund } from '../support/provider-requests.js';

/** As `npm run reconcile` starts it. */
const SCRIPT = resolve('dist', 'src', 'bin', 'reconcile.js');
/** Nothing listens there. */
const CLOSED_PORT = '127.0.0.1:1';
const CANARY_PASSWORD = 'database-canary-8c41d7';

let engine: TestEngine;
let directory: string;

beforeAll(async () => {
  engine = await startTestEngine({ env: { RECONCILIATION_GRACE_SECONDS: '0' } });
  // Without a `.env` and without a local engine.
  directory = await mkdtemp(join(tmpdir(), 'reconcile-'));
});
afterAll(async () => {
  await engine.stop();
  await rm(directory, { recursive: true });
});

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function reconcile(changes: Environment = {}, ...args: string[]): Promise<Run> {
  const env = { PATH: process.env['PATH'], ...engine.env, ...changes };
  const run = await new Promise<Run>((done) => {
    execFile(process.execPath, [SCRIPT, ...args], { env, cwd: directory }, (error, stdout, stderr) => {
      done({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr });
    });
  });
  for (const secret of [CANARY_API_KEY, CANARY_PASSWORD, new URL(engine.databaseUrl).password]) {
    if (secret !== '') expect(`${run.stdout}${run.stderr}`).not.toContain(secret);
  }
  return run;
}

/** One clear line on stderr, and nothing was compared. */
function expectRefused(run: Run, line: RegExp): void {
  expect(run).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(line) });
  expect(run.stderr.trimEnd().split('\n')).toHaveLength(1);
}

describe('npm run reconcile', () => {
  test('code 0 and a table when the books are clean', async () => {
    const { payoutId } = await openAndFund(engine);
    await engine.untilStatus(payoutId, 'paid');
    const { code, stdout, stderr } = await reconcile();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^clean\nQbitPay as read at 20.+Z, .+ before; everything\ncompared 1 payout, 1 order, 1 deposit, 4 /,
    );
    expect(stdout).toMatch(/^ +currency +ledger +QbitPay +explained +off$/m);
    expect(stdout).toMatch(/^ +USDT +(7\.\d{6}) +\1 +0\.000000 +0\.000000$/m);
  });

  test('--json is one document on stdout, with the same report that the store keeps', async () => {
    const { code, stdout, stderr } = await reconcile({}, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      clean: true,
      discrepancies: [],
      compared: { payouts: 1, orders: 1, deposits: 1, balanceTransactions: 4 },
    });
  });

  test.each([
    ['an option that does not exist', ['--jsno'], /^Unknown option '--jsno'.*usage: npm run reconcile/],
    ['an argument', ['everything'], /everything.*usage: npm run reconcile/],
  ])('code 2 and the usage for %s', async (_what, args, line) => {
    expectRefused(await reconcile({}, ...args), line);
  });

  test('code 2 and one line for a setting that is missing', async () => {
    expectRefused(await reconcile({ QBITPAY_FEE_SIDE: '' }), /QBITPAY_FEE_SIDE/);
  });

  test('code 2 and one line when the database does not answer', async () => {
    const url = `postgres://engine:${CANARY_PASSWORD}@${CLOSED_PORT}/payouts`;
    expectRefused(await reconcile({ DATABASE_URL: url }), /^the database cannot be used: .*ECONNREFUSED/);
  });

  test('code 2 and one line when there is no such database, or it lacks migrations', async () => {
    const missing = new URL(engine.databaseUrl);
    missing.pathname = '/there_is_no_such_database';
    expectRefused(
      await reconcile({ DATABASE_URL: missing.href }),
      /^the database .*there_is_no_such_database/,
    );
    const empty = await createDatabase(`${engine.env['TEMPORAL_TASK_QUEUE'] ?? ''}_empty`);
    expectRefused(await reconcile({ DATABASE_URL: empty }), /npm run migrate/);
  });

  test('while QbitPay does not answer, what was read last is compared, and said to be', async () => {
    await engine.control('POST', '/faults', { kind: 'status', endpoint: '*', status: 503, times: 10_000 });
    const { code, stdout, stderr } = await reconcile();
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^PROVIDER_UNAVAILABLE: QbitPay could not be read to the end/),
    });
    expect(stdout).toMatch(/^clean\nQbitPay as read at 20/);
    expectRefused(
      await reconcile({}, '--full'),
      /^PROVIDER_UNAVAILABLE: QbitPay could not be read to the end/,
    );
    await engine.control('DELETE', '/faults');
  });

  test('--dry-run compares, and writes nothing', async () => {
    const state = async (): Promise<unknown> => {
      const database = new Client({ connectionString: engine.databaseUrl });
      await database.connect();
      try {
        const { rows } =
          await database.query(`select (select count(*) from reconciliation_reports) as reports,
          (select count(*) from ledger_entries) as entries, 
          (select last_value from sync_wishes_wish_id_seq) as wishes`);
        return rows[0];
      } finally {
        await database.end();
      }
    };
    const before = await state();
    expect(await reconcile({}, '--dry-run')).toMatchObject({ code: 0, stderr: '' });
    expect(await reconcile({}, '--dry-run', '--full')).toMatchObject({ code: 0, stderr: '' });
    expect(await state()).toEqual(before);
  });

  test('code 1 for a discrepancy that --full finds, with the ids, both amounts and what to do', async () => {
    const { payoutId } = await openAndFund(engine);
    const { providerPayoutId } = await engine.untilStatus(payoutId, 'paid');
    await engine.control('POST', `/payouts/${providerPayoutId}/overwrite`, { amount: 5000.01 });
    // Nobody would read it again.
    const { code, stdout, stderr } = await reconcile({}, '--full');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/^\d discrepanc(?:y|ies)\n/);
    const { meaning, action } = DISCREPANCIES.AMOUNT_DIFFERS;
    for (const said of ['AMOUNT_DIFFERS', payoutId, providerPayoutId, '5000.01', meaning, action]) {
      expect(stdout).toContain(said);
    }
    const json = await reconcile({}, '--json');
    expect(json).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(json.stdout).discrepancies).toContainEqual(
      expect.objectContaining({ kind: 'AMOUNT_DIFFERS', payoutId, store: '5000', provider: '5000.01' }),
    );
  });
});
