import * as http from 'node:http';
import * as https from 'node:https';
import { parseExactJson, toExactJson } from './exact-json.js';
import type { DeliveryAttempt, EventRecord } from './records.js';
import type { Store } from './store.js';
import { signEvent } from './webhook-signer.js';

/** Between a failed delivery and the next (contract, "Webhooks"). */
const RETRY_INTERVAL_MS = 15 * 60 * 1000;
const RECEIVER_TIMEOUT_MS = 10_000;
/** What finds no connection free queues. */
const AGENT_OPTIONS = { keepAlive: true, maxSockets: 64 };

/** An event's members in the order of the contract's example. */
export function eventMembers({ id, type, createdAt, livemode, data }: EventRecord): Record<string, unknown> {
  // One URL receives every event, so none is pending besides the delivery itself; the example shows 0 too.
  return { id, type, createdAt, object: 'event', pendingWebhooks: 0, livemode, data: parseExactJson(data) };
}

/** Delivers events at least once: an attempt is recorded after its answer, so a kill in between sends it again. */
export class WebhookDelivery {
  readonly #store: Store;
  readonly #httpAgent = new http.Agent(AGENT_OPTIONS);
  readonly #httpsAgent = new https.Agent(AGENT_OPTIONS);
  /** Events whose scheduled attempt is under way. */
  readonly #underWay = new Set<string>();

  constructor(store: Store) {
    this.#store = store;
    store.events.onDue = (event) => this.#deliver(event);
  }

  /** Delivers what waited for a webhook URL or what a fault held back, in either order; answers how many. */
  release(kept: 'waiting' | 'held', newestFirst = false): number {
    const events = [...this.#store.events].filter(({ delivery }) => delivery === kept);
    for (const event of newestFirst ? events.reverse() : events) {
      this.#store.events.put({ ...event, delivery: 'scheduled', dueAt: Date.now() });
    }
    return events.length;
  }

  /** What is under way when the store closes stays unrecorded and is made again after the next start. */
  close(): void {
    this.#httpAgent.destroy();
    this.#httpsAgent.destroy();
  }

  #deliver(event: EventRecord): void {
    const { id, copies = 1, attempts } = event;
    if (this.#underWay.has(id)) return;
    if (this.#urlOf(event) === null) {
      this.#store.events.put({ ...event, delivery: 'waiting', dueAt: null });
      return;
    }
    this.#underWay.add(id);
    void this.send(event, 'valid', false);
    if (attempts.length > 0) return;
    for (let copy = 1; copy < copies; copy += 1) void this.send(event);
  }

  /** Sends an event, as a rule beside its schedule; answers the attempt, or null without a URL to send it to. */
  async send(
    event: EventRecord,
    signature: 'valid' | 'wrong' | 'none' = 'valid',
    extra = true,
  ): Promise<DeliveryAttempt | null> {
    const url = this.#urlOf(event);
    if (url === null) return null;
    const { apiKey, settings } = this.#store;
    const members = eventMembers(event);
    const key = signature === 'wrong' ? `${apiKey} but wrong` : apiKey;
    const signed = { 'QbitPay-Signature': signEvent(members, key, settings.webhookAlgorithm) };
    const at = new Date().toISOString();
    const answer = await this.#post(url, toExactJson(members), signature === 'none' ? {} : signed);
    const attempt = { at, ...answer, extra };
    if (!extra) this.#underWay.delete(event.id);
    if (this.#store.closing.signal.aborted) return null;
    this.#record(event.id, attempt);
    return attempt;
  }

  #record(eventId: string, attempt: DeliveryAttempt): void {
    const { events, settings } = this.#store;
    // The event may have changed, or been reset away, while the receiver was thinking.
    const known = events.get(eventId);
    if (known === undefined) return;
    const event = { ...known, attempts: [...known.attempts, attempt] };
    const { status, error, extra } = attempt;
    if (status !== null && status >= 200 && status < 300) {
      events.put({ ...event, delivery: 'acknowledged', dueAt: null });
      return;
    }
    this.#store.warn(`event ${event.id} (${event.type}) was not acknowledged: ${error ?? String(status)}`);
    const retries = event.targetUrl === undefined ? settings.webhookRetries : 0;
    if (extra || event.delivery !== 'scheduled') {
      events.put(event);
    } else if (event.attempts.filter((one) => !one.extra).length > retries) {
      events.put({ ...event, delivery: 'abandoned', dueAt: null });
    } else {
      events.put({ ...event, dueAt: Date.now() + RETRY_INTERVAL_MS * settings.webhookTimeScale });
    }
  }

  #urlOf({ targetUrl }: EventRecord): string | null {
    return targetUrl ?? this.#store.settings.webhookUrl;
  }

  /** Never rejects. Redirects are not followed: anything but a 2xx is a failed delivery. */
  #post(
    url: string,
    body: string,
    signed: Record<string, string>,
  ): Promise<Pick<DeliveryAttempt, 'status' | 'error'>> {
    const headers = { 'content-type': 'application/json; charset=utf-8', ...signed };
    const options = { method: 'POST', headers, signal: this.#store.closing.signal };
    return new Promise((resolve) => {
      const request = url.startsWith('https:')
        ? https.request(url, { ...options, agent: this.#httpsAgent })
        : http.request(url, { ...options, agent: this.#httpAgent });
      let timer: NodeJS.Timeout | undefined;
      request.on('socket', () => {
        timer = setTimeout(() => request.destroy(new Error('no answer in time')), RECEIVER_TIMEOUT_MS);
      });
      // The answer counts at its headers; the time limit goes on until its body has ended too.
      request.on('close', () => clearTimeout(timer));
      request.on('response', (response) => {
        response.on('error', () => undefined).resume();
        resolve({ status: response.statusCode ?? null });
      });
      request.on('error', ({ code, message }: NodeJS.ErrnoException) =>
        resolve({ status: null, error: code ?? message }),
      );
      request.end(body);
    });
  }
}
