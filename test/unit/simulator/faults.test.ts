import { FAULT_KINDS } from '../../../src/simulator/faults.js';
import {
  API_KEY,
  closeEverything,
  type ErrorBody,
  type ListOf,
  type Payout,
  type SimulatorClient,
  startClient,
} from './simulator-fixture.js';

afterEach(closeEverything);

const POST_PAYOUTS = 'POST /api/v1/payouts';

async function withFault(fault: object): Promise<SimulatorClient> {
  const client = await startClient();
  await client.deposit('CNY', 10_000);
  const ordered = await client.control('POST', '/faults', { endpoint: POST_PAYOUTS, ...fault });
  expect(ordered.status).toBe(200);
  return client;
}

async function payoutsMade(client: SimulatorClient): Promise<number> {
  return (await client.all<Payout>('/payouts')).length;
}

interface JournalEntry {
  readonly sequence: number;
  readonly status: number | null;
  readonly fault: string | null;
  readonly effects: string[];
  readonly path: string;
  readonly body: unknown;
  readonly endpoint: string | null;
}

async function journal(client: SimulatorClient, query = ''): Promise<JournalEntry[]> {
  return (await client.control<ListOf<JournalEntry>>('GET', `/journal${query}`)).body.data;
}

describe('answers instead of the effect', () => {
  test.each([
    [{ kind: 'invalid_request_error' }, 400, 'invalid_request_error'],
    [{ kind: 'invalid_request_error', status: 403 }, 403, 'invalid_request_error'],
    [{ kind: 'authentication_error' }, 401, 'authentication_error'],
    [{ kind: 'rate_limit_error', retryAfterSeconds: 7 }, 429, 'rate_limit_error'],
    [{ kind: 'api_error' }, 500, 'api_error'],
    [{ kind: 'api_error', status: 402 }, 402, 'api_error'],
  ])('%j', async (fault, status, type) => {
    const client = await withFault({ ...fault, message: 'as ordered' });
    const answer = await client.pay(2000);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ type, message: 'as ordered' });
    expect(answer.headers.get('retry-after')).toBe('retryAfterSeconds' in fault ? '7' : null);
    expect(await payoutsMade(client)).toBe(0);
    expect((await client.pay(2000)).status).toBe(200);
  });

  test('an error object can be wrapped', async () => {
    const client = await withFault({ kind: 'api_error', wrapped: true });
    expect((await client.pay(2000)).body).toEqual({
      error: { type: 'api_error', message: 'simulated fault' },
    });
  });

  test('a bare status carries no error object, like a proxy', async () => {
    const client = await withFault({ kind: 'status', status: 503, retryAfterSeconds: 3 });
    const answer = await client.pay(2000);
    expect([answer.status, answer.body]).toEqual([503, undefined]);
    expect(answer.headers.get('retry-after')).toBe('3');
    expect(await payoutsMade(client)).toBe(0);
  });

  test('a redirect leads elsewhere', async () => {
    const client = await withFault({ kind: 'redirect', status: 307 });
    const answer = await client.pay(2000);
    expect(answer.status).toBe(307);
    expect(answer.headers.get('location')).toBe('/api/v1/redirected');
    expect(await payoutsMade(client)).toBe(0);
  });
});

describe('no answer at all', () => {
  test.each([
    ['timeoutBeforeEffect', 0],
    ['timeoutAfterEffect', 1],
  ])('%s holds the connection; payouts made: %d', async (kind, made) => {
    const client = await withFault({ kind });
    const abort = new AbortController();
    const pending = fetch(`${client.simulator.url}/api/v1/payouts`, {
      method: 'POST',
      signal: abort.signal,
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from(`${API_KEY}:`).toString('base64')}`,
      },
      body: JSON.stringify({
        amount: 2000,
        currency: 'CNY',
        destination: { type: 'Alipay', payerName: 'x', bankAccountNum: '1' },
      }),
    });
    const outcome = pending.then(
      () => 'answered',
      () => 'cut',
    );
    // The journal says when the fault has struck: nothing will be answered after that.
    while ((await journal(client, `?endpoint=${encodeURIComponent(POST_PAYOUTS)}`)).length === 0);
    expect(await payoutsMade(client)).toBe(made);
    const [entry] = await journal(client, `?endpoint=${encodeURIComponent(POST_PAYOUTS)}`);
    expect(entry).toMatchObject({ status: null, fault: kind });
    abort.abort();
    expect(await outcome).toBe('cut');
  });

  test.each([
    ['resetBeforeEffect', 0],
    ['resetAfterEffect', 1],
  ])('%s cuts the connection; payouts made: %d', async (kind, made) => {
    const client = await withFault({ kind });
    await expect(client.pay(2000)).rejects.toThrow('fetch failed');
    expect(await payoutsMade(client)).toBe(made);
  });

  test('closing ends requests that are held', async () => {
    const client = await withFault({ kind: 'timeoutAfterEffect' });
    const held = client.pay(2000).catch(() => 'cut');
    while ((await journal(client, `?endpoint=${encodeURIComponent(POST_PAYOUTS)}`)).length === 0);
    await client.simulator.close();
    expect(await held).toBe('cut');
  });

  test('closing ends requests that wait for their latency', async () => {
    const client = await startClient();
    await client.control('POST', '/latency', { ms: 600_000, endpoint: 'GET /api/v1/accounts/show' });
    const timers = activeTimers();
    const waiting = client.api('GET', '/accounts/show').catch(() => 'cut');
    // Endpoints without latency of their own go on.
    expect((await client.api('GET', '/payouts')).status).toBe(200);
    await client.simulator.close();
    expect(await waiting).toBe('cut');
    expect(activeTimers()).toBeLessThanOrEqual(timers);
  });
});

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
}

describe('spoiled answers after the effect', () => {
  test.each([
    [{ kind: 'statusAfterEffect', status: 502 }, 502, undefined],
    [{ kind: 'errorAfterEffect' }, 500, { type: 'api_error', message: 'simulated fault' }],
    [{ kind: 'notJson' }, 200, undefined],
  ])('%j', async (fault, status, body) => {
    const client = await withFault(fault);
    const answer = await client.pay(2000);
    expect([answer.status, answer.body]).toEqual([status, body]);
    expect(await payoutsMade(client)).toBe(1);
    expect((await client.balance('CNY')).available).toBe(7990);
  });

  test('a truncated answer', async () => {
    const client = await withFault({ kind: 'truncated' });
    await expect(client.pay(2000)).rejects.toThrow();
    expect(await payoutsMade(client)).toBe(1);
  });

  test.each(['delayBeforeEffect', 'delayAfterEffect'])('%s answers late', async (kind) => {
    const client = await withFault({ kind, delayMs: 20 });
    const before = Date.now();
    expect((await client.pay(2000)).status).toBe(200);
    expect(Date.now() - before).toBeGreaterThanOrEqual(19);
  });

  test('the effect of a refused request is its refusal', async () => {
    const client = await withFault({ kind: 'notJson' });
    expect((await client.pay(1)).status).toBe(400);
    expect(await payoutsMade(client)).toBe(0);
  });
});

describe('ordering faults', () => {
  test('a fault strikes its endpoint only, as often as ordered, and not unauthenticated requests', async () => {
    const client = await startClient();
    const endpoint = 'GET /api/v1/payouts/{id}';
    await client.control('POST', '/faults', { endpoint, kind: 'api_error', times: 2 });
    expect((await client.api('GET', '/payouts')).status).toBe(200);
    expect((await client.api('GET', '/payouts/x', undefined, { authorization: '' })).status).toBe(401);
    const statuses = [];
    for (let index = 0; index < 3; index += 1) statuses.push((await client.api('GET', '/payouts/x')).status);
    expect(statuses).toEqual([500, 500, 404]);
  });

  test('a fault can be for one externalOrderId, or for every endpoint', async () => {
    const client = await withFault({ kind: 'status', externalOrderId: 'p-2' });
    expect((await client.pay(2000, { externalOrderId: 'p-1' })).status).toBe(200);
    expect((await client.pay(2000, { externalOrderId: 'p-2' })).status).toBe(500);
    await client.control('POST', '/faults', { endpoint: '*', kind: 'rate_limit_error', times: 2 });
    expect((await client.api('GET', '/accounts/show')).status).toBe(429);
    expect((await client.api('GET', '/charges')).status).toBe(429);
    expect((await client.api('GET', '/charges')).status).toBe(200);
  });

  test('faults are listed and taken back, one or all', async () => {
    const client = await startClient();
    const order = { endpoint: '*', kind: 'api_error' };
    const first = await client.control<{ id: string }>('POST', '/faults', order);
    await client.control('POST', '/faults', { ...order, times: 3 });
    await client.control('POST', '/faults', { kind: 'webhookLost' });
    const listed = await client.control<ListOf<{ remaining: number }>>('GET', '/faults');
    expect(listed.body.data.map((one) => one.remaining)).toEqual([1, 3, 1]);
    const one = await client.control('DELETE', `/faults/${first.body.id}`);
    expect(one.body).toEqual({ removed: 1 });
    expect((await client.control('DELETE', '/faults')).body).toEqual({ removed: 2 });
    expect((await client.api('GET', '/accounts/show')).status).toBe(200);
    expect((await client.control('DELETE', '/faults/unknown')).status).toBe(404);
  });

  test.each([
    [{ endpoint: '*' }, 'kind'],
    [{ endpoint: '*', kind: 'explode' }, 'kind'],
    [{ kind: 'api_error' }, 'endpoint'],
    [{ kind: 'api_error', endpoint: 'POST /payouts' }, 'endpoint'],
    [{ kind: 'api_error', endpoint: '*', times: 0 }, 'times'],
    [{ kind: 'status', endpoint: '*', status: 600 }, 'status'],
    [{ kind: 'delayAfterEffect', endpoint: '*' }, 'delayMs'],
    [{ kind: 'webhookDelayed' }, 'delayMs'],
    [{ kind: 'api_error', endpoint: '*', delayMs: 5 }, 'delayMs'],
    [{ kind: 'webhookLost', endpoint: '*' }, 'endpoint'],
    [{ kind: 'api_error', endpoint: '*', eventType: 'payout.paid' }, 'eventType'],
  ])('refuses %j, naming %s', async (fault, field) => {
    const client = await startClient();
    const answer = await client.control<ErrorBody>('POST', '/faults', fault);
    expect([answer.status, answer.body.field]).toEqual([400, field]);
  });

  test('every kind can be ordered', async () => {
    const client = await startClient();
    for (const [kind, { strikes }] of Object.entries(FAULT_KINDS)) {
      const delays = kind.startsWith('delay') || kind === 'webhookDelayed';
      const fault = {
        kind,
        ...(strikes === 'webhook' ? {} : { endpoint: '*' }),
        ...(delays ? { delayMs: 1 } : {}),
      };
      expect([kind, (await client.control('POST', '/faults', fault)).status]).toEqual([kind, 200]);
    }
  });
});

describe('the journal', () => {
  test('tells every API request with its body, answer, fault and effects, and never the key', async () => {
    const client = await withFault({ kind: 'statusAfterEffect' });
    await client.pay(2000, { externalOrderId: 'j-1' });
    await client.api('POST', '/payouts', '{"broken');
    await client.api('GET', '/payouts?limit=5');
    await client.api('GET', '/nothing');
    await client.api('GET', '/payouts', undefined, { authorization: 'Basic AAAA' });
    const entries = await journal(client);
    expect(entries.map((one) => [one.sequence, one.path, one.status, one.fault])).toEqual([
      [1, '/api/v1/payouts', 500, 'statusAfterEffect'],
      [2, '/api/v1/payouts', 400, null],
      [3, '/api/v1/payouts?limit=5', 200, null],
      [4, '/api/v1/nothing', 404, null],
      [5, '/api/v1/payouts', 401, null],
    ]);
    const [payout] = await client.all<Payout>('/payouts');
    expect(entries[0]!.effects).toEqual([payout!.id]);
    expect(entries[0]!.body).toMatchObject({ amount: 2000, externalOrderId: 'j-1' });
    expect(entries[1]!.body).toBe('{"broken');
    const text = JSON.stringify(entries);
    expect(text).not.toContain(API_KEY);
    expect(text).not.toContain(Buffer.from(`${API_KEY}:`).toString('base64'));
  });

  test('pages forward and filters by endpoint', async () => {
    const client = await startClient();
    for (const path of ['/payouts', '/orders', '/payouts', '/charges']) await client.api('GET', path);
    expect((await journal(client, '?after=1&limit=2')).map((one) => one.sequence)).toEqual([2, 3]);
    const endpoint = encodeURIComponent('GET /api/v1/payouts');
    expect((await journal(client, `?endpoint=${endpoint}`)).map((one) => one.sequence)).toEqual([1, 3]);
  });
});
