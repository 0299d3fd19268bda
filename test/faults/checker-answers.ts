import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { AnsweredPayout, Finding, StorePayout, World } from './world.js';

type Answer = World['answers'][number];

/** The API never contradicts the store, nor itself. */
export function* findContradictions({ answers, store }: World): Iterable<Finding> {
  for (const subject of new Set(answers.map(({ payoutId }) => payoutId))) {
    const own = answers.filter(({ payoutId }) => payoutId === subject);
    // Answers to creates cross each other.
    const readings = own.filter(({ kind }) => kind === 'read');
    const told = store.transitions.filter(({ payoutId }) => payoutId === subject).map(({ status }) => status);
    const row = store.payouts.find(({ payoutId }) => payoutId === subject);
    const faults = [
      ...findStatusesOutOfOrder(readings, told),
      ...findDenials(own),
      ...(row === undefined ? [] : compareLast(own, row)),
    ];
    for (const detail of faults) yield [subject, detail];
  }
}

function findStatusesOutOfOrder(readings: readonly Answer[], told: readonly string[]): readonly string[] {
  const faults: string[] = [];
  let place = 0;
  for (const { payout } of readings) {
    if (payout === undefined || payout.status === PAYOUT_STATUS.OPENING) continue;
    const next = told.indexOf(payout.status, place);
    if (next === -1) faults.push(`told ${payout.status}, the store has ${told.join(', ')}`);
    else place = next;
  }
  return faults;
}

/** Whoever was told that a payout exists is never told that it does not. */
function findDenials(own: readonly Answer[]): readonly string[] {
  const acceptedAtMs = own.find(({ kind, payout }) => kind === 'create' && payout !== undefined)?.atMs;
  if (acceptedAtMs === undefined) return [];
  return own
    .filter(({ atMs, httpStatus }) => httpStatus === 404 && atMs > acceptedAtMs)
    .map(() => 'was accepted, and then answered with 404');
}

/** The campaign asks for everything once more when all is over: these answers are what the store has. */
function compareLast(own: readonly Answer[], row: StorePayout): readonly string[] {
  const reading = own.findLast(({ kind }) => kind === 'read');
  const repeated = own.findLast(({ kind }) => kind === 'create');
  return [
    ...compareWithStore('reading', reading, row, READ_MEMBERS),
    ...compareWithStore('request', repeated, row, OPENED_MEMBERS),
  ];
}

type Member = Exclude<keyof AnsweredPayout & keyof StorePayout, 'payoutId'>;

/** What the answer to a create request has of a payout … */
const OPENED_MEMBERS: readonly Member[] = ['status', 'amount', 'currency', 'deposit'];
/** … and what a reading adds to it. */
const READ_MEMBERS: readonly Member[] = [...OPENED_MEMBERS, 'providerPayoutId', 'holdReason'];

function compareWithStore(
  what: string,
  answer: Answer | undefined,
  row: StorePayout,
  members: readonly Member[],
): readonly string[] {
  const payout = answer?.payout;
  if (payout === undefined)
    return [`the last ${what} was answered with ${String(answer?.httpStatus ?? 'nothing')}`];
  return members
    .filter((member) => canonical(payout[member]) !== canonical(row[member]))
    .map((member) => `the last ${what} tells another ${member} than the store has`);
}

/** Amounts are the same however many zeros follow them. */
function canonical(value: AnsweredPayout[Member]): string | null {
  if (value === null) return null;
  if (typeof value === 'object') return `${value.address} ${String(canonical(value.amount))}`;
  return AMOUNT.test(value) ? value.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '') : value;
}

const AMOUNT = /^\d+\.\d+$/;
