import { compareAmounts } from '../domain/money.js';
import type { OutcomeRuleRecord, PayoutOutcome } from './records.js';
import type { SimulatorState } from './simulator-state.js';

/** Values of `destination.payerName` that decide a payout's end without any control call. */
const OUTCOMES_BY_PAYER_NAME: Readonly<Record<string, PayoutOutcome>> = {
  'SIMULATE FAILED': 'failed',
  'SIMULATE CANCELLED': 'cancelled',
  'SIMULATE STUCK': 'stuck',
};

/** Decides at creation where a payout will end: a matching rule first, then the payer name, else it is paid. */
export class PayoutOutcomes {
  readonly #state: SimulatorState;
  // Few rules are ever active, whatever number was used up before.
  #active: string[] = [];

  constructor(state: SimulatorState) {
    this.#state = state;
    for (const rule of state.outcomeRules.oldestFirst()) if (rule.remaining > 0) this.#active.push(rule.id);
  }

  add(rule: OutcomeRuleRecord): OutcomeRuleRecord {
    this.#active.push(rule.id);
    return this.#state.outcomeRules.put(rule);
  }

  active(): OutcomeRuleRecord[] {
    return this.#active.flatMap((id) => this.#state.outcomeRules.get(id) ?? []);
  }

  clear(): void {
    for (const rule of this.active()) this.#state.outcomeRules.put({ ...rule, remaining: 0 });
    this.#active = [];
  }

  decide(
    amount: string,
    destination: Readonly<Record<string, string>>,
    externalOrderId: string | undefined,
  ): PayoutOutcome {
    const account = [destination['bankAccountNum'], destination['addr']];
    const rule = this.active().find(
      (one) =>
        (one.amount === undefined || compareAmounts(one.amount, amount) === 0) &&
        (one.destination === undefined || account.includes(one.destination)) &&
        (one.externalOrderId === undefined || one.externalOrderId === externalOrderId),
    );
    if (rule === undefined) return OUTCOMES_BY_PAYER_NAME[destination['payerName'] ?? ''] ?? 'paid';
    const used = this.#state.outcomeRules.put({ ...rule, remaining: rule.remaining - 1 });
    if (used.remaining === 0) this.#active = this.#active.filter((id) => id !== used.id);
    return rule.outcome;
  }
}
