import type { ClosableTimers } from './closable-timers.js';
import { eventMembers } from './event-body.js';
import { toExactJson } from './exact-json.js';
import type { DeliveryAttempt, DeliveryState, EventRecord } from './records.js';
import type { Settings } from './settings.js';
import type { SimulatorState } from './simulator-state.js';
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

export interface DeliveryDependencies {
  readonly state: SimulatorState;
  readonly settings: Settings;
  readonly timers: ClosableTimers;
  readonly log: (line: string) => void;
}

/**
 * Delivers events at least once: a first try at once, then up to `webhookRetries` more, 15 minutes × `webhookTimeScale`
 * apart, until a 2xx. An attempt is recorded after its answer, so a kill in between sends it again.
 */
export class WebhookDelivery {
  readonly #with: DeliveryDependencies;
  readonly #poster = new WebhookPoster();
  readonly #waiting = new Set<string>();
  readonly #held = new Set<string>();
  #queue: Delivery[] = [];
  #queueHead = 0;
  #underWay = 0;
  #closed = false;

  constructor(dependencies: DeliveryDependencies) {
    this.#with = dependencies;
  }

  /** Takes up, after a start, every event that nobody has acknowledged yet. */
  resume(): void {
    for (const event of this.#with.state.events.oldestFirst()) this.take(event.id, 1);
    if (this.#with.settings.current.webhookUrl !== null) this.releaseWaiting();
  }

  /** Delivers a stored event as its record says: now, later, or when something is released. */
  take(eventId: string, copies: number): void {
    const event = this.#with.state.events.get(eventId);
    if (event?.delivery === 'waiting') this.#waiting.add(eventId);
    if (event?.delivery === 'held') this.#held.add(eventId);
    if (event?.delivery !== 'scheduled') return;
    this.#schedule(event);
    for (let copy = 1; copy < copies; copy += 1) this.#enqueue({ eventId, extra: true, signature: 'valid' });
  }

  /** Delivers what was kept while there was no webhook URL. */
  releaseWaiting(): void {
    this.#release(this.#waiting, [...this.#waiting]);
  }

  /** Delivers what a fault held back, in either order; answers how many. */
  releaseHeld(newestFirst: boolean): number {
    const ids = newestFirst ? [...this.#held].reverse() : [...this.#held];
    this.#release(this.#held, ids);
    return ids.length;
  }

  /** Sends an event once, beside its schedule; answers the attempt, or null when there is nowhere to send it. */
  async sendOnce(eventId: string, signature: SignatureKind): Promise<DeliveryAttempt | null> {
    return new Promise((done) => this.#enqueue({ eventId, extra: true, signature, done }));
  }

  forgetAll(): void {
    for (const delivery of this.#queue.slice(this.#queueHead)) delivery.done?.(null);
    this.#queue = [];
    this.#queueHead = 0;
    this.#waiting.clear();
    this.#held.clear();
  }

  /** Cuts what is under way; those attempts stay unrecorded and are made again after the next start. */
  close(): void {
    this.#closed = true;
    this.forgetAll();
    this.#poster.close();
  }

  #release(kept: Set<string>, ids: readonly string[]): void {
    for (const id of ids) {
      kept.delete(id);
      const event = this.#with.state.events.get(id);
      if (event !== undefined) this.#schedule(this.#update(event, 'scheduled', Date.now()));
    }
  }

  #schedule(event: EventRecord): void {
    const delivery: Delivery = { eventId: event.id, extra: false, signature: 'valid' };
    const due = event.nextAttemptAt ?? 0;
    // What is due already skips the timers: they do not keep the order of events.
    if (due <= Date.now()) this.#enqueue(delivery);
    else this.#with.timers.at(`event ${event.id}`, due, () => this.#enqueue(delivery));
  }

  #enqueue(delivery: Delivery): void {
    if (this.#closed) return delivery.done?.(null);
    this.#queue.push(delivery);
    this.#pump();
  }

  #pump(): void {
    while (this.#underWay < MAX_CONCURRENT && this.#queueHead < this.#queue.length) {
      const delivery = this.#queue[this.#queueHead];
      this.#queueHead += 1;
      if (this.#queueHead === this.#queue.length) {
        this.#queue = [];
        this.#queueHead = 0;
      }
      if (delivery === undefined) continue;
      this.#underWay += 1;
      void this.#deliver(delivery).then((attempt) => {
        delivery.done?.(attempt);
        this.#underWay -= 1;
        this.#pump();
      });
    }
  }

  async #deliver(delivery: Delivery): Promise<DeliveryAttempt | null> {
    const { state, settings } = this.#with;
    const event = state.events.get(delivery.eventId);
    if (event === undefined) return null;
    const url = event.targetUrl ?? settings.current.webhookUrl;
    if (url === null) {
      if (!delivery.extra) {
        this.#update(event, 'waiting', null);
        this.#waiting.add(event.id);
      }
      return null;
    }
    const members = eventMembers(state, event);
    const at = new Date().toISOString();
    const answer = await this.#poster.post(url, toExactJson(members), this.#headers(members, delivery));
    if (this.#closed) return null;
    const attempt = { at, ...answer, extra: delivery.extra };
    this.#settle(delivery, attempt);
    return attempt;
  }

  #headers(members: Record<string, unknown>, delivery: Delivery): Record<string, string> {
    if (delivery.signature === 'none') return {};
    const { apiKey, current } = this.#with.settings;
    const key = delivery.signature === 'wrong' ? `${apiKey} but wrong` : apiKey;
    return { [SIGNATURE_HEADER]: signEvent(members, key, current.webhookAlgorithm) };
  }

  #settle(delivery: Delivery, attempt: DeliveryAttempt): void {
    const { state, settings, timers, log } = this.#with;
    // The event may have changed, or been reset away, while the receiver was thinking.
    const known = state.events.get(delivery.eventId);
    if (known === undefined) return;
    const event = { ...known, attempts: [...known.attempts, attempt] };
    const acknowledged = attempt.status !== null && attempt.status >= 200 && attempt.status < 300;
    if (acknowledged) {
      timers.cancel(`event ${event.id}`);
      this.#held.delete(event.id);
      this.#update(event, 'acknowledged', null);
      return;
    }
    log(`event ${event.id} (${event.type}) was not acknowledged: ${attempt.error ?? String(attempt.status)}`);
    if (delivery.extra || event.delivery !== 'scheduled') {
      this.#update(event, event.delivery, event.nextAttemptAt);
      return;
    }
    const retries = event.targetUrl === undefined ? settings.current.webhookRetries : 0;
    if (event.attempts.filter((one) => !one.extra).length > retries) {
      this.#update(event, 'abandoned', null);
      return;
    }
    const nextAttemptAt = Date.now() + RETRY_INTERVAL_MS * settings.current.webhookTimeScale;
    this.#schedule(this.#update(event, 'scheduled', nextAttemptAt));
  }

  #update(event: EventRecord, delivery: DeliveryState, nextAttemptAt: number | null): EventRecord {
    return this.#with.state.events.put({ ...event, delivery, nextAttemptAt });
  }
}
