import { toExactJson } from './exact-json.js';
import type { FaultRegister } from './fault-register.js';
import { newId } from './identifiers.js';
import type { DepositRecord, EventRecord, PayoutRecord } from './records.js';
import type { Settings } from './settings.js';
import type { SimulatorState } from './simulator-state.js';
import type { WebhookDelivery } from './webhook-delivery.js';

/** What a caller decides about an event; the rest is the same for all. */
type NewEvent = Pick<EventRecord, 'type' | 'subject' | 'overlay'> &
  Partial<Pick<EventRecord, 'livemode' | 'inlineData' | 'targetUrl' | 'id'>>;

/** Records the events that the provider announces and hands them to delivery once they are on disk. */
export class WebhookEvents {
  readonly #state: SimulatorState;
  readonly #settings: Settings;
  readonly #faults: FaultRegister;
  readonly #delivery: WebhookDelivery;

  constructor(state: SimulatorState, settings: Settings, faults: FaultRegister, delivery: WebhookDelivery) {
    this.#state = state;
    this.#settings = settings;
    this.#faults = faults;
    this.#delivery = delivery;
  }

  /** One event for each status change; the event keeps the status and date that the payout had then. */
  payoutChanged(type: string, payout: PayoutRecord): void {
    this.#announce({
      type,
      subject: { kind: 'payout', id: payout.id },
      overlay: { status: payout.status, arrivalDate: payout.arrivalDate },
    });
  }

  depositConfirmed(deposit: DepositRecord): EventRecord {
    const amount = deposit.announcedAmount;
    return this.#announce({
      type: 'deposit.confirmed',
      subject: { kind: 'deposit', id: deposit.id },
      overlay: { status: 'confirmed', ...(amount === undefined ? {} : { amount }) },
    });
  }

  /** The test event: `livemode` false, to a URL of its own, not retried (contract, "Webhooks"). */
  test(targetUrl: string): EventRecord {
    const inlineData = toExactJson({ id: newId(), object: 'test' });
    return this.#announce({
      type: 'event.test',
      subject: null,
      overlay: {},
      livemode: false,
      inlineData,
      targetUrl,
    });
  }

  /** Stores an event that is not announced by itself: a forged one, which the caller sends as it likes. */
  forge(event: {
    type: string;
    data: unknown;
    livemode?: boolean | undefined;
    id?: string | undefined;
  }): EventRecord {
    return this.#state.events.put({
      ...this.#basis({ type: event.type, subject: null, overlay: {}, inlineData: toExactJson(event.data) }),
      livemode: event.livemode ?? this.#settings.current.livemode,
      ...(event.id === undefined ? {} : { id: event.id }),
      delivery: 'manual',
      nextAttemptAt: null,
    });
  }

  #announce(event: NewEvent): EventRecord {
    const fault = event.targetUrl === undefined ? this.#faults.takeForEvent(event.type) : undefined;
    const stale = fault?.kind === 'webhookStale' ? { status: 'pending' } : {};
    const basis = this.#basis({ ...event, overlay: { ...event.overlay, ...stale } });
    const delivery =
      fault?.kind === 'webhookLost' ? 'lost' : fault?.kind === 'webhookHeld' ? 'held' : 'scheduled';
    const delayMs = fault?.kind === 'webhookDelayed' ? (fault.delayMs ?? 0) : 0;
    const nextAttemptAt = delivery === 'scheduled' ? Date.now() + delayMs : null;
    const record = this.#state.events.put({ ...basis, delivery, nextAttemptAt });
    const copies = fault?.kind === 'webhookDoubled' ? 2 : 1;
    this.#state.afterCommit(() => this.#delivery.take(record.id, copies));
    return record;
  }

  #basis(event: NewEvent): EventRecord {
    return {
      id: newId(),
      createdAt: this.#state.events.nextCreatedAt(),
      livemode: this.#settings.current.livemode,
      ...event,
      delivery: 'scheduled',
      attempts: [],
      nextAttemptAt: null,
    };
  }
}
