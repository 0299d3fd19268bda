import { OutcomeRules } from './outcome-rules.js';
import type { OrderOutcomeRuleRecord } from './records.js';

/** Decides when an order is placed whether it ends before all of it was executed: as a matching rule says, else not. */
export class OrderOutcomes extends OutcomeRules<OrderOutcomeRuleRecord> {
  decide(externalOrderId: string | undefined): OrderOutcomeRuleRecord | undefined {
    return this.take((one) => one.externalOrderId === undefined || one.externalOrderId === externalOrderId);
  }
}
