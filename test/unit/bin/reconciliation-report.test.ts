import { renderReport } from '../../../src/bin/reconciliation-report.js';
import {
  DISCREPANCIES,
  type Discrepancy,
  type ReconciliationReport,
} from '../../../src/domain/reconciliation.js';

const RAN_AT_MS = Date.UTC(2026, 2, 1, 10);
const clean: ReconciliationReport = {
  ranAtMs: RAN_AT_MS,
  readAtMs: RAN_AT_MS - 4_000,
  sinceMs: Date.UTC(2026, 2, 1, 9),
  clean: true,
  discrepancies: [],
  outside: [],
  inFlight: 2,
  balances: [
    { currency: 'CNY', ledger: '1000', provider: '998.5', explained: '-1.5', off: '0', offSinceMs: null },
    { currency: 'USDT', ledger: '12.5', provider: '12.5', explained: '0', off: '0', offSinceMs: null },
  ],
  compared: { payouts: 3, orders: 1, deposits: 1, balanceTransactions: 6 },
};
const missing: Discrepancy = {
  kind: 'MISSING_AT_PROVIDER',
  object: 'payout',
  currency: 'CNY',
  payoutId: 'inv-1',
  externalOrderId: 'inv-1',
  providerIds: ['po_1'],
  store: '5000.00',
  provider: null,
  sinceMs: RAN_AT_MS - (3 * 60 + 12) * 60_000 - 7_000,
};
const withDiscrepancies = (...discrepancies: Discrepancy[]): string =>
  renderReport({ ...clean, clean: false, discrepancies });
const ageShown = (ageMs: number): string | undefined =>
  /^ {2}for +(.*)$/m.exec(withDiscrepancies({ ...missing, sinceMs: RAN_AT_MS - ageMs }))?.[1];

describe('a report in the terminal', () => {
  test('that is clean says so first, and shows the balances to the last digit in aligned columns', () => {
    expect(renderReport(clean)).toBe(`clean
QbitPay as read at 2026-03-01 09:59:56Z, 4 s before; what changed since 2026-03-01 09:00:00Z or was open
compared 3 payouts, 1 order, 1 deposit, 6 balance transactions; 2 in flight

balances
  currency     ledger    QbitPay  explained       off
  CNY         1000.00     998.50      -1.50      0.00
  USDT      12.500000  12.500000   0.000000  0.000000
`);
  });

  test('shows each discrepancy with its ids, both sides, its age and what to do', () => {
    const text = withDiscrepancies(missing, {
      ...missing,
      kind: 'DUPLICATE_AT_PROVIDER',
      providerIds: ['po_1', 'po_2'],
    });
    expect(text).toMatch(/^2 discrepancies\n/);
    expect(text).toContain(`MISSING_AT_PROVIDER
  object           payout, CNY
  payoutId         inv-1
  externalOrderId  inv-1
  QbitPay ids      po_1
  store            5000.00
  QbitPay          nothing
  for              3 h 12 min
  meaning          ${DISCREPANCIES.MISSING_AT_PROVIDER.meaning}
  what to do       ${DISCREPANCIES.MISSING_AT_PROVIDER.action}
`);
    expect(text).toContain('QbitPay ids      po_1, po_2\n');
  });

  test('shows what a discrepancy has no word for', () => {
    const off: Discrepancy = {
      ...missing,
      kind: 'BALANCE_OFF',
      object: 'balance',
      payoutId: null,
      externalOrderId: null,
      providerIds: [],
      store: null,
    };
    const text = withDiscrepancies(off);
    expect(text).toMatch(/^1 discrepancy\n/);
    expect(text).toContain('  payoutId         -\n  externalOrderId  -\n  QbitPay ids      -\n');
    expect(text).toContain('  store            nothing\n');
  });

  test.each([
    [-5_000, '0 s'],
    [999, '0 s'],
    [45_000, '45 s'],
    [60_000, '1 min'],
    [61_000, '1 min 1 s'],
    [3_600_000 + 59_000, '1 h'],
    [(2 * 24 + 4) * 3_600_000, '2 d 4 h'],
  ])('an age of %d ms reads %s', (ageMs, words) => {
    expect(ageShown(ageMs)).toBe(words);
  });

  test('lists outside activity', () => {
    const createdAtMs = RAN_AT_MS - 1_000;
    const outside = [
      { balanceTransactionId: 'bt_1', type: 'charge', currency: 'USDT', net: '100', createdAtMs },
      { balanceTransactionId: 'bt_2', type: 'payout', currency: 'CNY', net: '-7.5', createdAtMs },
    ];
    expect(renderReport({ ...clean, outside })).toContain(`outside activity
  created               type           net  currency  balance transaction
  2026-03-01 09:59:59Z  charge  100.000000  USDT      bt_1
  2026-03-01 09:59:59Z  payout       -7.50  CNY       bt_2
`);
  });
});
