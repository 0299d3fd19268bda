import type { Assignment, DepositRecord } from '../store/ledger/ledger-records.js';
import type { FieldProblem } from '../domain/field-problems.js';
import { addAmounts, atCurrencyScale, compareAmounts, isPayableAmount } from '../domain/money.js';
import { amountRule } from './deposit-schemas.js';

/** The parts whose amount is none of the deposit's currency. */
export function findAssignmentProblems(to: Assignment, currency: string): FieldProblem[] {
  if (to === 'available') return [];
  return [...to.entries()]
    .filter(([, { amount }]) => !isPayableAmount(amount, currency))
    .map(([index]) => ({ field: `to.${index}.amount`, message: amountRule(currency) }));
}

/** What keeps the parts from being all of the deposit, in words that name both sums; undefined when they are. */
export function explainWrongSum(to: Assignment, { amount, currency }: DepositRecord): string | undefined {
  if (to === 'available') return undefined;
  const sum = sumOf(to);
  if (compareAmounts(sum, amount) === 0) return undefined;
  return `The parts add up to ${atCurrencyScale(sum, currency)} ${currency}, and the deposit is ${atCurrencyScale(amount, currency)} ${currency}.`;
}

/**
 * Whether the deposit went where the assignment wants it. What a payout was given and did not need went on to the
 * available balance, so a payout may have less than its part as long as nobody else has the rest.
 */
export function isAssignedAs(to: Assignment, { amount, allocations }: DepositRecord): boolean {
  const given = allocations.filter(({ payoutId }) => payoutId !== null);
  if (to === 'available') return given.length === 0;
  const isWithinParts = given.every(({ payoutId }) => to.some((part) => part.payoutId === payoutId));
  return (
    isWithinParts &&
    compareAmounts(sumOf(to), amount) === 0 &&
    to.every((part) => {
      const received = sumOf(given.filter(({ payoutId }) => payoutId === part.payoutId));
      return compareAmounts(received, '0') > 0 && compareAmounts(received, part.amount) <= 0;
    })
  );
}

function sumOf(parts: readonly { readonly amount: string }[]): string {
  return addAmounts(...parts.map(({ amount }) => amount));
}
