import type { ClosableTimers } from './closable-timers.js';
import { parseExactJson, toExactJson } from './exact-json.js';
import type { DeliveryAttempt, DeliveryState, EventRecord } from './records.js';
import type { Store } from './store.js';
import { WebhookPoster } from './webhook-request.js';
import { SIGNATURE_HEADER, signEvent } from './webhook-signer.js';

/** The provider tries again this long after a failed delivery (contract, "Webhooks"). */
const RETRY_INTERVAL_MS = 15 * 60 * 1000;

/** Deliveries under way at the same time; the others queue. */
const MAX_CONCURRENT = 64;

/** How a delivery is signed: rightly, wrongly or not at all. */
export type SignatureKind = 'valid' | 'wrong' | 'none';

interface Delivery {
  readonly eventId: string;
  /** A copy or re-send beside the retry schedule. */
  readonly extra: boolean;
  readonly signature: SignatureKind;
  readonly done?: (attempt: DeliveryAttempt | null) => void;
}

/** An event's members in the order of the contract's example. */
export function eventMembers({ id, type, createdAt, livemode, data }: EventRecord): Record<string, unknown> {
  // One URL receives every event, so none is pending besides the delivery itself; the example shows 0 too.
  return { id, type, createdAt, object: 'event', pendingWebhooks: 0, livemode, data: parseExactJson(data) };
}

/**
 * Delivers events at least once: a first try at once, then up to `webhookRetries` more, 15 minutes × `webhookTimeScale`
 * apart, until a 2xx. An attempt is recorded after its answer, so a kill in between sends it again.
 */
export class WebhookDelivery {
  readonly #store: Store;
  readonly #timers: ClosableTimers;
  readonly #log: (line: string) => void;
  readonly #poster = new WebhookPoster();
  #queue: Delivery[] = [];
  #underWay = 0;
  #closed = false;

  constructor(store: Store, timers: ClosableTimers, log: (line: string) => void) {
    this.#store = store;
    this.#timers = timers;
    this.#log = log;
  }

  /** Takes up, after a start, every event that nobody has acknowledged yet. */
  resume(): void {
    for (const event of this.#store.events) this.take(event.id);
    if (this.#store.settings.webhookUrl !== null) this.release('waiting');
  }

  /** Delivers a stored event as its record says, now or later; copies beyond the first go out now. */
  take(eventId: string, copies = 1): void {
    const event = this.#store.events.get(eventId);
    if (event?.delivery !== 'scheduled') return;
    this.#schedule(event);
    for (let copy = 1; copy < copies; copy += 1) this.#enqueue({ eventId, extra: true, signature: 'valid' });
  }

  /** Delivers what waited for a webhook URL or what a fault held back, in either order; answers how many. */
  release(kept: 'waiting' | 'held', newestFirst = false): number {
    const events = [...this.#store.events].filter(({ delivery }) => delivery === kept);
    if (newestFirst) events.reverse();
    for (const event of events) this.#schedule(this.#update(event, 'scheduled', Date.now()));
    return events.length;
  }

  /** Sends an event once, beside its schedule; answers the attempt, or null when there is nowhere to send it. */
  async sendOnce(eventId: string, signature: SignatureKind): Promise<DeliveryAttempt | null> {
    return new Promise((done) => this.#enqueue({ eventId, extra: true, signature, done }));
  }

  forgetAll(): void {
    for (const delivery of this.#queue) delivery.done?.(null);
    this.#queue = [];
  }

  /** Cuts what is under way; those attempts stay unrecorded and are made again after the next start. */
  close(): void {
    this.#closed = true;
    this.forgetAll();
    this.#poster.close();
  }

  #schedule(event: EventRecord): void {
    const delivery: Delivery = { eventId: event.id, extra: false, signature: 'valid' };
    const due = event.nextAttemptAt ?? 0;
    // What is due already skips the timers: they do not keep the order of events.
    if (due <= Date.now()) this.#enqueue(delivery);
    else this.#timers.at(timerName(event), due, () => this.#enqueue(delivery));
  }

  #enqueue(delivery: Delivery): void {
    if (this.#closed) return delivery.done?.(null);
    this.#queue.push(delivery);
    this.#pump();
  }

  #pump(): void {
    while (this.#underWay < MAX_CONCURRENT) {
      const delivery = this.#queue.shift();
      if (delivery === undefined) return;
      this.#underWay += 1;
      void this.#deliver(delivery).then((attempt) => {
        delivery.done?.(attempt);
        this.#underWay -= 1;
        this.#pump();
      });
    }
  }

  async #deliver(delivery: Delivery): Promise<DeliveryAttempt | null> {
    const event = this.#store.events.get(delivery.eventId);
    if (event === undefined) return null;
    const url = event.targetUrl ?? this.#store.settings.webhookUrl;
    if (url === null) {
      if (!delivery.extra) this.#update(event, 'waiting', null);
      return null;
    }
    const members = eventMembers(event);
    const at = new Date().toISOString();
    const answer = await this.#poster.post(url, toExactJson(members), this.#headers(members, delivery));
    if (this.#closed) return null;
    const attempt = { at, ...answer, extra: delivery.extra };
    this.#settle(delivery, attempt);
    return attempt;
  }

  #headers(members: Record<string, unknown>, { signature }: Delivery): Record<string, string> {
    if (signature === 'none') return {};
    const { apiKey, settings } = this.#store;
    const key = signature === 'wrong' ? `${apiKey} but wrong` : apiKey;
    return { [SIGNATURE_HEADER]: signEvent(members, key, settings.webhookAlgorithm) };
  }

  #settle(delivery: Delivery, attempt: DeliveryAttempt): void {
    // The event may have changed, or been reset away, while the receiver was thinking.
    const known = this.#store.events.get(delivery.eventId);
    if (known === undefined) return;
    const event = { ...known, attempts: [...known.attempts, attempt] };
    const { status, error } = attempt;
    if (status !== null && status >= 200 && status < 300) {
      this.#timers.cancel(timerName(event));
      this.#update(event, 'acknowledged', null);
      return;
    }
    this.#log(`event ${event.id} (${event.type}) was not acknowledged: ${error ?? String(status)}`);
    const { webhookRetries, webhookTimeScale } = this.#store.settings;
    const retries = event.targetUrl === undefined ? webhookRetries : 0;
    if (delivery.extra || event.delivery !== 'scheduled') {
      this.#update(event, event.delivery, event.nextAttemptAt);
    } else if (event.attempts.filter(({ extra }) => !extra).length > retries) {
      this.#update(event, 'abandoned', null);
    } else {
      const nextAttemptAt = Date.now() + RETRY_INTERVAL_MS * webhookTimeScale;
      this.#schedule(this.#update(event, 'scheduled', nextAttemptAt));
    }
  }

  #update(event: EventRecord, delivery: DeliveryState, nextAttemptAt: number | null): EventRecord {
    return this.#store.events.put({ ...event, delivery, nextAttemptAt });
  }
}

function timerName({ id }: EventRecord): string {
  return `event ${id}`;
}
