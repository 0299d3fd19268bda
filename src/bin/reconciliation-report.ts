import { atCurrencyScale } from '../domain/money.js';
import {
  callFor,
  DISCREPANCIES,
  type Discrepancy,
  type ReconciliationReport,
} from '../domain/reconciliation.js';

/** A report as a person reads it in a terminal: what to act on first, then what there is to know. */
export function renderReport(report: ReconciliationReport): string {
  const { ranAtMs, discrepancies } = report;
  const blocks = [
    renderHead(report),
    ...discrepancies.map((discrepancy) => renderDiscrepancy(discrepancy, ranAtMs)),
    renderOutside(report),
    renderBalances(report),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function renderHead(report: ReconciliationReport): string {
  const { ranAtMs, readAtMs, sinceMs, discrepancies, inFlight, compared } = report;
  const scope = sinceMs === null ? 'everything' : `what changed since ${toTime(sinceMs)} or was open`;
  const { payouts, orders, deposits, balanceTransactions } = compared;
  return [
    discrepancies.length === 0 ? 'clean' : counted(discrepancies.length, 'discrepancy', 'discrepancies'),
    `QbitPay as read at ${toTime(readAtMs)}, ${humanAge(ranAtMs - readAtMs)} before; ${scope}`,
    `compared ${counted(payouts, 'payout')}, ${counted(orders, 'order')}, ${counted(deposits, 'deposit')}, ` +
      `${counted(balanceTransactions, 'balance transaction')}; ${inFlight} in flight`,
  ].join('\n');
}

function renderDiscrepancy(discrepancy: Discrepancy, ranAtMs: number): string {
  const { kind, object, currency, payoutId, externalOrderId, providerIds, store, provider } = discrepancy;
  const { meaning, action } = DISCREPANCIES[kind];
  const call = callFor(discrepancy);
  const rows = [
    ['object', currency === '' ? object : `${object}, ${currency}`],
    ['payoutId', payoutId ?? '-'],
    ['externalOrderId', externalOrderId ?? '-'],
    ['QbitPay ids', providerIds.length === 0 ? '-' : providerIds.join(', ')],
    ['store', store ?? 'nothing'],
    ['QbitPay', provider ?? 'nothing'],
    ['for', humanAge(ranAtMs - discrepancy.sinceMs)],
    ['meaning', meaning],
    ['what to do', action],
    ...(call === null ? [] : [['call', `${call.method} ${call.path} ${JSON.stringify(call.body)}`]]),
  ];
  return [kind, ...table(rows).map((line) => `  ${line}`)].join('\n');
}

function renderOutside({ outside }: ReconciliationReport): string {
  if (outside.length === 0) return '';
  const rows = outside.map(({ createdAtMs, type, net, currency, balanceTransactionId }) => {
    return [toTime(createdAtMs), type, atCurrencyScale(net, currency), currency, balanceTransactionId];
  });
  const head = ['created', 'type', 'net', 'currency', 'balance transaction'];
  return ['outside activity', ...table([head, ...rows], [2]).map((line) => `  ${line}`)].join('\n');
}

function renderBalances({ balances }: ReconciliationReport): string {
  if (balances.length === 0) return '';
  const rows = balances.map(({ currency, ledger, provider, explained, off }) => {
    return [
      currency,
      ...[ledger, provider, explained, off].map((amount) => atCurrencyScale(amount, currency)),
    ];
  });
  const head = ['currency', 'ledger', 'QbitPay', 'explained', 'off'];
  return ['balances', ...table([head, ...rows], [1, 2, 3, 4]).map((line) => `  ${line}`)].join('\n');
}

/** Lines of columns as wide as their widest cell; `rightAligned` names the columns of amounts. */
function table(rows: readonly (readonly string[])[], rightAligned: readonly number[] = []): string[] {
  const widthOf = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        rightAligned.includes(column) ? cell.padStart(widthOf(column)) : cell.padEnd(widthOf(column)),
      )
      .join('  ')
      .trimEnd(),
  );
}

const UNITS: readonly (readonly [unit: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
];

/** The two largest units, such as "3 h 12 min"; never below zero. */
function humanAge(ageMs: number): string {
  let rest = Math.max(0, Math.floor(ageMs / 1000));
  const first = UNITS.findIndex(([, size]) => rest >= size);
  const parts = UNITS.slice(first, first + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest %= size;
    return count > 0 ? `${count} ${unit}` : '';
  });
  return parts.join(' ').trim() || '0 s';
}

function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** To the second, in UTC: "2026-03-01 10:00:00Z". */
function toTime(unixMs: number): string {
  return new Date(unixMs).toISOString().replace('T', ' ').replace(/\.\d+/, '');
}
