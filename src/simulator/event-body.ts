import { parseExactJson } from './exact-json.js';
import type { DepositRecord, EventRecord, PayoutRecord } from './records.js';
import type { SimulatorState } from './simulator-state.js';
import { depositView, payoutView } from './wire-views.js';

/** An event's members in the order of the contract's example. */
export function eventMembers(state: SimulatorState, event: EventRecord): Record<string, unknown> {
  const { id, type, createdAt, livemode } = event;
  // One URL receives every event, so none is pending besides the delivery itself; the example shows 0 too.
  return {
    id,
    type,
    createdAt,
    object: 'event',
    pendingWebhooks: 0,
    livemode,
    data: eventData(state, event),
  };
}

function eventData(state: SimulatorState, event: EventRecord): unknown {
  if (event.subject?.kind === 'payout') {
    const payout = state.payouts.get(event.subject.id);
    if (payout !== undefined) return payoutView({ ...payout, ...event.overlay } as PayoutRecord);
  }
  if (event.subject?.kind === 'deposit') {
    const deposit = state.deposits.get(event.subject.id);
    if (deposit !== undefined) return depositView({ ...deposit, ...event.overlay } as DepositRecord);
  }
  return event.inlineData === undefined ? {} : parseExactJson(event.inlineData);
}
