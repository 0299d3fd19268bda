import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compareWithMirror, recordRun } from '../../activities/reconciliation/reconciliation-run.js';
import type { ReconciliationReport } from '../../src/domain/reconciliation.js';
import { multiply, subtractAmounts } from '../../src/domain/money.js';
import { isMeasured, scale } from '../support/figures.js';
import { openTestStore, type TestStore } from '../support/test-store.js';

/*
 * What a run costs with many payouts behind it, each paid long ago: store and mirror are filled by SQL. PAYOUTS=100000 is
 * the figure that counts.
 */
const PAYOUTS = scale('PAYOUTS', 3_000);
const COST = '10.05';
const OPENING = '9000000';
/** Payouts of an hour. */
const CHANGED = 200;

let testStore: TestStore;

beforeAll(async () => {
  testStore = await openTestStore();
  const { store } = testStore;
  const balance = { currency: 'USDT', available: OPENING, pending: '0' };
  const readAt = await store.mirror.readClock();
  await store.mirror.openAccount({ balances: [balance], transactions: [], readAt });
  await fill();
});
afterAll(() => testStore.close());

async function fill(): Promise<void> {
  const { sql } = testStore;
  const numbers = `generate_series(1, ${PAYOUTS}) as n`;
  const then = `clock_timestamp() - interval '2 days'`;
  await sql.query(`
    update provider_sync set opened_at = clock_timestamp() - interval '3 days', began_at = clock_timestamp(), sync_no = 1;
    insert into payouts (payout_id, request_hash, maker, owner, policy, amount, currency, amount_mode, funding_currency, destination,
        status, updated_at)
      select 'p' || n, '', 'test', 'default', '{}', 10, 'USDT', 'receive', 'USDT', '{}', 'paid', ${then} from ${numbers};
    insert into provider_requests (operation, external_order_id, payout_id, state, sends, updated_at)
      select 'payout', 'p' || n, 'p' || n, 'accepted', 1, ${then} from ${numbers};
    insert into provider_payouts (external_order_id, payout_id, provider_payout_id, currency, post_amount, recipient_amount, fee,
        status, recorded_at, read_at)
      select 'p' || n, 'p' || n, 'po' || n, 'USDT', 10, 10, 0.05, 'paid', ${then}, ${then} from ${numbers};
    insert into provider_objects (kind, provider_id, external_order_id, status, currency, amount, content, is_open,
        first_seen_at, read_at, changed_at)
      select 'payout', 'po' || n, 'p' || n, 'paid', 'USDT', 10, jsonb_build_object('id', 'po' || n, 'currency', 'USDT',
        'amount', '10', 'fee', '0.05', 'status', 'paid', 'createdAt', ${then}), false, ${then}, ${then}, ${then} from ${numbers};
    insert into provider_objects (kind, provider_id, source, type, status, currency, amount, content, is_open,
        first_seen_at, read_at, changed_at)
      select 'transaction', 'bt' || n, 'po' || n, 'payout', 'available', 'USDT', -10, jsonb_build_object('id', 'bt' || n,
        'currency', 'USDT', 'amount', '-10', 'net', '-${COST}', 'source', 'po' || n, 'type', 'payout', 'typeText', 'payout',
        'status', 'available', 'createdAt', ${then}), false, ${then}, ${then}, ${then} from ${numbers};
    begin;
    insert into ledger_entries (cause, cause_id, funding_account, payout_id)
      select 'payout', 'p' || n, 'main', 'p' || n from ${numbers};
    insert into ledger_postings (entry_id, line, account_id, amount)
      select entry_id, line, account_id, case line when 1 then ${COST} else -${COST} end
      from ledger_entries, (values (1, 'available'), (2, 'provider')) as sides (line, kind)
      join ledger_accounts using (kind) where cause = 'payout' and currency = 'USDT';
    commit;
    analyze;`);
  const available = subtractAmounts(OPENING, multiply(COST, PAYOUTS));
  await sql.query('update provider_balance_readings set available = $1, read_at = clock_timestamp()', [
    available,
  ]);
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function liveBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** How long the run took, and by how much what lives on the heap grew at most while it did. */
async function measure(isFull: boolean) {
  const settings = { reconciliation: { graceSeconds: 120 } };
  const before = liveBytes();
  let most = before;
  const sampling = setInterval(() => (most = Math.max(most, liveBytes())), 1_000);
  const startedAtMs = performance.now();
  const run = await compareWithMirror({ store: testStore.store, settings }, { isFull });
  const tookMs = Math.round(performance.now() - startedAtMs);
  most = Math.max(most, liveBytes());
  clearInterval(sampling);
  const heapMb = Math.round((most - before) / 1_048_576);
  return { run, tookMs, heapMb };
}

function expectClean(report: ReconciliationReport, payouts: number): void {
  expect(report).toMatchObject({ clean: true, inFlight: 0, outside: [], compared: { payouts } });
  expect(report.balances).toMatchObject([{ currency: 'USDT', explained: '0', off: '0' }]);
}

test('a run of everything needs no more memory for more payouts, and a routine run no more time', async () => {
  const full = await measure(true);
  console.log(`${PAYOUTS} payouts, full: ${full.tookMs} ms, heap +${full.heapMb} MB`);
  expectClean(full.run.report, PAYOUTS);
  expect(full.heapMb).toBeLessThan(50);
  await recordRun({ store: testStore.store }, full.run);
  const idle = await measure(false);
  await testStore.sql.query(
    `update provider_objects set changed_at = clock_timestamp() where substr(provider_id, 3)::int <= ${CHANGED}`,
  );
  // The best of three: what else the machine does is no cost of a run.
  const runs = [await measure(false), await measure(false), await measure(false)];
  const [routine = idle] = runs.toSorted((one, other) => one.tookMs - other.tookMs);
  console.log(
    `${PAYOUTS} payouts, routine: ${idle.tookMs} ms where nothing changed, ${routine.tookMs} ms with ${CHANGED}`,
  );
  expectClean(idle.run.report, 0);
  expectClean(routine.run.report, CHANGED);
  if (!isMeasured('PAYOUTS')) return;
  expect(idle.tookMs).toBeLessThan(1_000);
  expect(routine.tookMs).toBeLessThan(1_000);
});
