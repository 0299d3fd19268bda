import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/simulator/server.js';

export const API_KEY = 'simulator-test-key';

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
  readonly text: string;
  readonly headers: Headers;
}

export interface ListOf<T> {
  readonly object: 'list';
  readonly url: string;
  readonly data: T[];
}

export interface Payout {
  readonly id: string;
  readonly amount: number;
  readonly fee: number;
  readonly currency: string;
  readonly status: string;
  readonly createdAt: string;
  readonly externalOrderId?: string;
  readonly destination: { readonly id: string } & Record<string, unknown>;
}

export interface BalanceTransaction {
  readonly id: string;
  readonly amount: number;
  readonly fee: number;
  readonly net: number;
  readonly currency: string;
  readonly type: string;
  readonly source: string;
  readonly status: string;
}

export interface ErrorBody {
  readonly type: string;
  readonly message: string;
  readonly field?: string;
}

export const ALIPAY = { type: 'Alipay', payerName: 'Zhang San', bankAccountNum: '13800000000' };

/** Speaks to one simulator: `api` with the key, `control` without. */
export class SimulatorClient {
  readonly simulator: Simulator;
  apiKey = API_KEY;

  constructor(simulator: Simulator) {
    this.simulator = simulator;
  }

  async api<T>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<T>> {
    const authorization = `Basic ${Buffer.from(`${this.apiKey}:`).toString('base64')}`;
    return this.#call(method, `/api/v1${path}`, body, { authorization, ...headers });
  }

  async control<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    return this.#call(method, `/_simulator${path}`, body, {});
  }

  async deposit(
    currency: string,
    amount: number,
    more: object = {},
  ): Promise<{ id: string; txHash: string }> {
    const answer = await this.control<{ id: string; txHash: string }>('POST', '/deposits', {
      currency,
      amount,
      ...more,
    });
    expect(answer.status).toBe(200);
    return answer.body;
  }

  async pay(amount: number, more: object = {}): Promise<Answer<Payout>> {
    return this.api('POST', '/payouts', { amount, currency: 'CNY', destination: ALIPAY, ...more });
  }

  async balance(currency: string): Promise<{ available: number; pending: number }> {
    const answer = await this.api<{ available: number; pending: number }>(
      'GET',
      `/balances/show?currency=${currency}`,
    );
    return { available: answer.body.available, pending: answer.body.pending };
  }

  /** Every object of a list, newest first, by paging back to its end. */
  async all<T extends { id: string }>(path: string): Promise<T[]> {
    const found: T[] = [];
    const join = path.includes('?') ? '&' : '?';
    for (;;) {
      const cursor = found.length === 0 ? '' : `&starting_after=${found.at(-1)!.id}`;
      const page = await this.api<ListOf<T>>('GET', `${path}${join}limit=100${cursor}`);
      found.push(...page.body.data);
      if (page.body.data.length < 100) return found;
    }
  }

  async #call<T>(
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
  ): Promise<Answer<T>> {
    const response = await fetch(`${this.simulator.url}${path}`, {
      method,
      redirect: 'manual',
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: parsed(text) as T, text, headers: response.headers };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const running: { close(): Promise<void> }[] = [];

/** Starts a simulator that the test's end closes; payouts move only by control calls unless told otherwise. */
export async function startClient(
  options: Partial<SimulatorOptions> = {},
  settings: object | null = { settlement: 'manual' },
): Promise<SimulatorClient> {
  const simulator = await startSimulator({ apiKey: API_KEY, ...options });
  running.push(simulator);
  const client = new SimulatorClient(simulator);
  if (settings !== null) expect((await client.control('PATCH', '/settings', settings)).status).toBe(200);
  return client;
}

export interface ReceivedEvent {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly livemode: boolean;
    readonly data: { readonly id: string; readonly status: string; readonly amount: number };
  };
}

/** A webhook receiver whose deliveries a test can await. */
export class WebhookReceiver {
  readonly received: ReceivedEvent[] = [];
  /** The status to answer, by delivery. */
  answer: (event: ReceivedEvent) => number = () => 200;
  readonly #server: Server;
  #waiters: (() => void)[] = [];

  constructor() {
    this.#server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        const received = {
          headers: request.headers,
          text,
          event: JSON.parse(text) as ReceivedEvent['event'],
        };
        this.received.push(received);
        response.writeHead(this.answer(received)).end();
        const waiters = this.#waiters;
        this.#waiters = [];
        for (const wake of waiters) wake();
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  /** Resolves once so many deliveries that match have arrived. */
  async count(
    count: number,
    matches: (event: ReceivedEvent) => boolean = () => true,
  ): Promise<ReceivedEvent[]> {
    for (;;) {
      const found = this.received.filter(matches);
      if (found.length >= count) return found;
      await new Promise<void>((wake) => this.#waiters.push(wake));
    }
  }

  async type(type: string, count = 1): Promise<ReceivedEvent[]> {
    return this.count(count, (received) => received.event.type === type);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export async function startReceiver(): Promise<WebhookReceiver> {
  const receiver = await new WebhookReceiver().listen();
  running.push(receiver);
  return receiver;
}

export async function closeEverything(): Promise<void> {
  await Promise.all(running.splice(0).map((one) => one.close()));
}

interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly delivery: string;
  readonly attempts: {
    readonly at: string;
    readonly status: number | null;
    readonly extra: boolean;
    readonly error?: string;
  }[];
  readonly nextAttemptAt: string | null;
}

/** Asks for an event until its delivery is as wanted: the receiver's answer is recorded after the test saw it. */
export async function eventDelivered(
  client: SimulatorClient,
  id: string,
  delivery: string,
): Promise<StoredEvent> {
  for (;;) {
    const { body } = await client.control<StoredEvent>('GET', `/events/${id}`);
    if (body.delivery === delivery) return body;
  }
}
