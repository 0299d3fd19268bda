import { toExactJson } from './exact-json.js';
import { FAULT_KINDS, type FaultEffect } from './fault-kinds.js';
import { newId } from './identifiers.js';
import type { DepositRecord, EventRecord, PayoutRecord, PayoutStatus } from './records.js';
import { isWanted, takeRule } from './rules.js';
import type { Simulation } from './simulation.js';
import type { Store } from './store.js';
import { depositView, payoutView } from './wire-views.js';

/** What a caller decides about an event; the rest is the same for all. */
type NewEvent = Pick<EventRecord, 'type' | 'data'> & Partial<EventRecord>;

/** The event of each status; `inTransition` is the provider's spelling (contract, "Webhooks"). */
const PAYOUT_EVENTS: Readonly<Record<PayoutStatus, string>> = {
  pending: 'payout.pending',
  inTransit: 'payout.inTransition',
  paid: 'payout.paid',
  failed: 'payout.failed',
  cancelled: 'payout.cancelled',
};

/** One event for each status change; it keeps what the payout was then. */
export function announcePayout(simulation: Simulation, payout: PayoutRecord): void {
  const subject = { kind: 'payout', id: payout.id } as const;
  announce(simulation, PAYOUT_EVENTS[payout.status], subject, (claims: PayoutStatus = payout.status) =>
    payoutView({ ...payout, status: claims }),
  );
}

export function announceDeposit(simulation: Simulation, deposit: DepositRecord): void {
  const { id, amount, announcedAmount = amount, status } = deposit;
  announce(
    simulation,
    'deposit.confirmed',
    { kind: 'deposit', id },
    (claims: DepositRecord['status'] = status) =>
      depositView({ ...deposit, amount: announcedAmount, status: claims }),
  );
}

/** The test event: `livemode` false, to a URL of its own, not retried (contract, "Webhooks"). */
export function sendTestEvent({ store, delivery }: Simulation, targetUrl: string): EventRecord {
  const data = toExactJson({ id: newId(), object: 'test' });
  const event = putEvent(store, {
    type: 'event.test',
    data,
    livemode: false,
    targetUrl,
    nextAttemptAt: Date.now(),
  });
  store.afterCommit(() => delivery.take(event.id));
  return event;
}

/** Stores an event, by itself one that is not announced: a forged one, which the caller sends as it likes. */
export function putEvent(store: Store, event: NewEvent): EventRecord {
  return store.events.put({
    id: newId(),
    createdAt: store.events.nextCreatedAt(),
    livemode: store.settings.livemode,
    subject: null,
    delivery: 'scheduled',
    attempts: [],
    nextAttemptAt: null,
    ...event,
  });
}

/** Records an event and hands it to delivery once it is on disk, as the fault says that strikes it. */
function announce(
  { store, delivery }: Simulation,
  type: string,
  subject: EventRecord['subject'],
  view: (claims?: 'pending') => object,
): void {
  const fault = takeRule(
    store.faults,
    ({ endpoint, eventType }) => endpoint === null && isWanted(eventType, type),
  );
  const effect: Partial<FaultEffect> = fault === undefined ? {} : FAULT_KINDS[fault.kind];
  const event = putEvent(store, {
    type,
    subject,
    data: toExactJson(view(effect.claims)),
    delivery: effect.delivery ?? 'scheduled',
    nextAttemptAt: effect.delivery === undefined ? Date.now() + (fault?.delayMs ?? 0) : null,
  });
  store.afterCommit(() => delivery.take(event.id, effect.copies));
}
