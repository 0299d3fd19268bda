import { toExactJson } from './exact-json.js';
import { effectOf } from './faults.js';
import { type DepositRecord, type EventRecord, type PayoutRecord, type PayoutStatus } from './records.js';
import type { Store } from './store.js';
import { isWanted, takeRule } from './table.js';
import { depositView, payoutView } from './wire-views.js';

/** One event for each status change; it keeps what the payout was then. */
export function announcePayout(store: Store, payout: PayoutRecord): void {
  const { id, status } = payout;
  // The provider's spelling (contract, "Webhooks").
  const type = `payout.${status === 'inTransit' ? 'inTransition' : status}`;
  const view = (claims: PayoutStatus = status): object => payoutView({ ...payout, status: claims });
  announce(store, type, { kind: 'payout', id }, view);
}

export function announceDeposit(store: Store, deposit: DepositRecord): void {
  const { id, status, announcedAmount: amount = deposit.amount } = deposit;
  const view = (claims = status): object => depositView({ ...deposit, amount, status: claims });
  announce(store, 'deposit.confirmed', { kind: 'deposit', id }, view);
}

/** Stores an event; one that is scheduled, as it is by itself, is sent when it is due. */
export function putEvent(
  store: Store,
  event: Pick<EventRecord, 'type' | 'data'> & Partial<EventRecord>,
): EventRecord {
  const { delivery = 'scheduled' } = event;
  const dueAt = delivery === 'scheduled' ? Date.now() : null;
  const { livemode } = store.settings;
  return store.events.add({ livemode, subject: null, delivery, attempts: [], dueAt, ...event });
}

/** Stores an event as the fault says that strikes it. */
function announce(
  store: Store,
  type: string,
  subject: EventRecord['subject'],
  view: (claims?: 'pending') => object,
): void {
  const fault = takeRule(store.faults, (one) => one.endpoint === null && isWanted(one.eventType, type));
  const { claims, copies = 1, delivery } = fault === undefined ? {} : effectOf(fault);
  const event = { type, subject, data: toExactJson(view(claims)), copies };
  if (delivery !== undefined) putEvent(store, { ...event, delivery });
  else putEvent(store, { ...event, dueAt: Date.now() + (fault?.delayMs ?? 0) });
}
