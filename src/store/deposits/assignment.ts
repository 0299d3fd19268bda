import {
  addAmounts,
  amountRule,
  atCurrencyScale,
  compareAmounts,
  isPayableAmount,
  roundDownToCurrency,
} from '../../domain/money.js';
import { FUNDING } from '../../domain/payout-request.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { missingDeposit } from '../payouts/funding.js';
import { lockPayout, lockPayouts } from '../payouts/payout-transitions.js';
import { hintWaiting } from '../payouts/reservations.js';
import { DEPOSIT_STATUS, type DepositRow, type PayoutRow } from '../schema.js';
import {
  canStillBeFunded,
  give,
  lockDeposits,
  writeAllocations,
  type Decision,
  type Part,
} from './allocation.js';

/** A person says whose unallocated deposits are. */

/** Where a deposit goes: parts that add up to it exactly, or all of it to the available balance. */
export type Assignment = 'available' | readonly { readonly payoutId: string; readonly amount: string }[];

export interface DepositAssignment {
  readonly depositId: string;
  readonly to: Assignment;
}

/** Why a deposit was not assigned, as the API says it; nulls where it was, now or before in the same way. */
export type AssignOutcome =
  | { readonly code: null; readonly detail: null }
  | {
      readonly code: 'DEPOSIT_NOT_FOUND' | 'DEPOSIT_ASSIGNED' | 'DEPOSIT_MISSING' | 'ASSIGNMENT_REFUSED';
      readonly detail: string;
    };

const ASSIGNED: AssignOutcome = { code: null, detail: null };
const NOT_FOUND: AssignOutcome = {
  code: 'DEPOSIT_NOT_FOUND',
  detail: 'There is no deposit with this depositId.',
};
const ASSIGNED_ELSEWHERE: AssignOutcome = {
  code: 'DEPOSIT_ASSIGNED',
  detail: 'The deposit was given elsewhere already; read it again.',
};
const MISSING: AssignOutcome = {
  code: 'DEPOSIT_MISSING',
  detail: 'QbitPay does not show the deposit any more.',
};
const notSo = (detail: string): AssignOutcome => ({ code: 'ASSIGNMENT_REFUSED', detail });

/** So many are decided about together: others that book wait for them. */
const AT_ONCE = 100;

/** Carries out each assignment that can be carried out, and answers for each. Repeating it answers the same. */
export async function assignDeposits(
  db: StoreDatabase,
  assignments: readonly DepositAssignment[],
  actor: string,
): Promise<readonly AssignOutcome[]> {
  const outcomes: AssignOutcome[] = [];
  for (let from = 0; from < assignments.length; from += AT_ONCE) {
    const some = assignments.slice(from, from + AT_ONCE);
    outcomes.push(...(await inTransaction(db, (trx) => assignTogether(trx, some, actor))));
  }
  return outcomes;
}

async function assignTogether(
  trx: StoreTransaction,
  assignments: readonly DepositAssignment[],
  actor: string,
): Promise<readonly AssignOutcome[]> {
  const depositIds = assignments.map(({ depositId }) => depositId);
  const deposits = new Map((await lockDeposits(trx, depositIds)).map((row) => [row.deposit_id, row]));
  const parts = assignments.flatMap(({ to }) => (to === 'available' ? [] : to));
  await lockPayouts(
    trx,
    parts.map(({ payoutId }) => payoutId),
  );
  const decision = { by: 'person', detail: `assigned by ${actor}`, actor } as const;
  const released: DepositRow[] = [];
  const currencies = new Set<string>();
  const outcomes: AssignOutcome[] = [];
  for (const { depositId, to } of assignments) {
    const deposit = deposits.get(depositId);
    if (deposit === undefined) outcomes.push(NOT_FOUND);
    else if (deposit.status === DEPOSIT_STATUS.MISSING) outcomes.push(MISSING);
    else if (deposit.status === DEPOSIT_STATUS.ALLOCATED) outcomes.push(await compare(trx, deposit, to));
    else if (to !== 'available') outcomes.push(await assign(trx, deposit, to, decision, currencies));
    else {
      released.push(deposit);
      currencies.add(deposit.currency);
      outcomes.push(ASSIGNED);
    }
  }
  const wholes = released.map((deposit) => ({
    deposit,
    parts: [{ payoutId: null, owner: null, amount: deposit.amount }],
  }));
  await writeAllocations(trx, wholes, decision);
  await hintWaiting(trx, [...currencies]);
  return outcomes;
}

/**
 * Whether the deposit went where the assignment wants it. The owner of a payout is owed what it was given and did not
 * need. So a payout may have less than its part, as long as no other payout has the rest.
 */
async function compare(trx: StoreTransaction, deposit: DepositRow, to: Assignment): Promise<AssignOutcome> {
  const allocations = await trx
    .selectFrom('deposit_allocations')
    .select(['payout_id', 'amount'])
    .where('deposit_id', '=', deposit.deposit_id)
    .where('payout_id', 'is not', null)
    .execute();
  const wanted = new Map(to === 'available' ? [] : to.map(({ payoutId, amount }) => [payoutId, amount]));
  const isSame =
    allocations.length === wanted.size &&
    (to === 'available' || whyNotAll(deposit, to) === undefined) &&
    allocations.every((part) => compareAmounts(part.amount, wanted.get(part.payout_id ?? '') ?? '0') <= 0);
  return isSame ? ASSIGNED : ASSIGNED_ELSEWHERE;
}

/** To payouts; notes in which currency somebody is owed something by that. */
async function assign(
  trx: StoreTransaction,
  deposit: DepositRow,
  to: Exclude<Assignment, 'available'>,
  decision: Decision,
  released: Set<string>,
): Promise<AssignOutcome> {
  const message = whyNotAll(deposit, to);
  if (message !== undefined) return notSo(message);
  const parts: Part[] = [];
  for (const { payoutId, amount } of to) {
    const payout = await lockPayout(trx, payoutId);
    const refusal = refuse(deposit, payout);
    if (payout === undefined || refusal !== undefined) {
      return notSo(`payout ${payoutId} ${refusal ?? ''}`);
    }
    parts.push({ payout, amount });
  }
  if (await give(trx, deposit, parts, decision)) released.add(deposit.currency);
  return ASSIGNED;
}

/** Undefined where the parts are all of the deposit that can be paid: what is below the smallest unit is nobody's. */
function whyNotAll(
  { amount, currency }: DepositRow,
  to: Exclude<Assignment, 'available'>,
): string | undefined {
  if (!to.every((part) => isPayableAmount(part.amount, currency))) return `an amount ${amountRule(currency)}`;
  const sum = addAmounts(...to.map((part) => part.amount));
  if (compareAmounts(sum, roundDownToCurrency(amount, currency)) === 0) return undefined;
  return `The parts add up to ${atCurrencyScale(sum, currency)} ${currency}, and the deposit is ${atCurrencyScale(amount, currency)} ${currency}.`;
}

function refuse(deposit: DepositRow, payout: PayoutRow | undefined): string | undefined {
  if (payout === undefined) return 'does not exist';
  if (payout.funding !== FUNDING.DEPOSIT)
    return 'is funded from the balance: assign the deposit to "available"';
  if (payout.funding_currency !== deposit.currency) return `is funded in ${payout.funding_currency}`;
  if (!canStillBeFunded(payout)) return `is ${payout.status} and takes no money any more`;
  return compareAmounts(missingDeposit(payout), '0') === 0 ? 'has all its money already' : undefined;
}
