import { compareAmounts } from '../domain/money.js';
import { OutcomeRules } from './outcome-rules.js';
import type { OutcomeRuleRecord, PayoutOutcome } from './records.js';

/** Values of `destination.payerName` that decide a payout's end without any control call. */
const OUTCOMES_BY_PAYER_NAME: Readonly<Record<string, PayoutOutcome>> = {
  'SIMULATE FAILED': 'failed',
  'SIMULATE CANCELLED': 'cancelled',
  'SIMULATE STUCK': 'stuck',
};

/** Decides at creation where a payout will end: a matching rule first, then the payer name, else it is paid. */
export class PayoutOutcomes extends OutcomeRules<OutcomeRuleRecord> {
  decide(
    amount: string,
    destination: Readonly<Record<string, string>>,
    externalOrderId: string | undefined,
  ): PayoutOutcome {
    const account = [destination['bankAccountNum'], destination['addr']];
    const rule = this.take(
      (one) =>
        (one.amount === undefined || compareAmounts(one.amount, amount) === 0) &&
        (one.destination === undefined || account.includes(one.destination)) &&
        (one.externalOrderId === undefined || one.externalOrderId === externalOrderId),
    );
    return rule?.outcome ?? OUTCOMES_BY_PAYER_NAME[destination['payerName'] ?? ''] ?? 'paid';
  }
}
