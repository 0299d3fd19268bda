import type { FastifyInstance, InjectOptions } from 'fastify';
import { connect, type AddressInfo } from 'node:net';
import { createLogger } from '../../../src/config/logger.js';
import type { ApiDependencies } from '../../../src/api/server.js';
import { asShop, closeApis, createFakes, KEYS, openApi, recordOf, REQUEST } from './api-fixture.js';

afterEach(closeApis);

const PROBLEM_MEMBERS = ['type', 'title', 'status', 'detail', 'instance', 'code', 'requestId'];
const JSON_HEADERS = { authorization: `Bearer ${KEYS.shop}`, 'content-type': 'application/json' };

/** A route of another room, with a parser of its own and errors that carry a status. */
const register: NonNullable<ApiDependencies['register']> = async (app) => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.post('/webhooks/test', { bodyLimit: 100 }, (request) => {
    if (Buffer.isBuffer(request.body) && request.body.length > 0) return Promise.resolve({ received: true });
    throw Object.assign(new Error('The signature is missing.'), { statusCode: 401 });
  });
  app.get('/crash', () => {
    throw new Error('canary: internals');
  });
  app.get('/typed-crash', () => {
    throw Object.assign(new Error('canary: internals'), { statusCode: 502, key: 'canary' });
  });
  await Promise.resolve();
};

/** Sends raw bytes and resolves with all that comes back. */
async function sendRaw(app: FastifyInstance, bytes: string): Promise<string> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (received += chunk));
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });
}

describe('errors are problem+json', () => {
  it.each<[string, number, string, InjectOptions]>([
    ['an unknown path', 404, 'ROUTE_NOT_FOUND', { url: '/v2/payouts' }],
    ['an unknown path below a known one', 404, 'ROUTE_NOT_FOUND', asShop('GET', '/v1/payouts/a/b/c')],
    ['an unknown method', 405, 'METHOD_NOT_ALLOWED', { method: 'DELETE', url: '/v1/payouts/a' }],
    ['a malformed path', 400, 'BAD_REQUEST', { url: '/v1/payouts/%zz' }],
    ['a very long id', 414, 'URL_TOO_LONG', { url: `/v1/payouts/${'x'.repeat(1025)}` }],
    [
      'malformed JSON',
      400,
      'BAD_REQUEST',
      { method: 'POST', url: '/v1/payouts', headers: JSON_HEADERS, payload: '{"canary":' },
    ],
    [
      'a prototype in JSON',
      400,
      'BAD_REQUEST',
      { method: 'POST', url: '/v1/payouts', headers: JSON_HEADERS, payload: '{"__proto__":{}}' },
    ],
    [
      'JSON that is not UTF-8',
      400,
      'BAD_REQUEST',
      {
        method: 'POST',
        url: '/v1/payouts',
        headers: JSON_HEADERS,
        payload: Buffer.from([0x22, 0xff, 0x22]),
      },
    ],
    [
      'a body above 64 KiB',
      413,
      'BODY_TOO_LARGE',
      asShop('POST', '/v1/payouts', { ...REQUEST, description: 'x'.repeat(65_536) }),
    ],
    [
      'a form',
      415,
      'MEDIA_TYPE_UNSUPPORTED',
      {
        method: 'POST',
        url: '/v1/payouts',
        headers: { ...JSON_HEADERS, 'content-type': 'text/plain' },
        payload: 'canary',
      },
    ],
    ['a refusal of another room', 401, 'UNAUTHENTICATED', { method: 'POST', url: '/webhooks/test' }],
    [
      'a body that another room finds too large',
      413,
      'BODY_TOO_LARGE',
      { method: 'POST', url: '/webhooks/test', payload: 'x'.repeat(101) },
    ],
    ['a crash', 500, 'INTERNAL', { url: '/crash' }],
    ['a crash with a status', 500, 'INTERNAL', { url: '/typed-crash' }],
  ])('%s is answered with %d %s', async (_name, status, code, request) => {
    const { app, logLines } = await openApi(createFakes(), { register });
    const answer = await app.inject(request);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    const problem = answer.json<Record<string, unknown>>();
    expect(Object.keys(problem)).toEqual(PROBLEM_MEMBERS);
    expect(problem).toMatchObject({ status, code });
    expect(answer.body).not.toContain('canary');
    if (status < 500) expect(logLines.join('')).not.toContain('canary');
  });

  it.each([
    String.raw`{"payoutId":"a","destination":[{"addr":"x","payerName":"x","payer\u004eame" : "x"}]}`,
    '{"payerName":{"payerName":"a{"},"list":["payerName"],"payerName":null}',
  ])('refuses a member that is named twice, at any depth: %s', async (payload) => {
    const { app } = await openApi(createFakes());
    const answer = await app.inject({ method: 'POST', url: '/v1/payouts', headers: JSON_HEADERS, payload });
    expect(answer.json()).toMatchObject({
      ...{ status: 400, code: 'VALIDATION_FAILED' },
      errors: [{ field: 'payerName', message: 'is named twice' }],
    });
  });

  it('names the methods that a path knows', async () => {
    const { app } = await openApi(createFakes());
    const answer = await app.inject({ method: 'PUT', url: '/v1/payouts?limit=1' });
    expect(answer.headers['allow']).toBe('POST, GET, HEAD');
    expect(answer.json()).toMatchObject({ status: 405, instance: '/v1/payouts' });
  });

  it('keeps the words of another room for its caller', async () => {
    const { app } = await openApi(createFakes(), { register });
    const answer = await app.inject({ method: 'POST', url: '/webhooks/test' });
    expect(answer.json()).toMatchObject({ detail: 'The signature is missing.' });
  });

  it('has words of its own for what the framework refuses', async () => {
    const { app } = await openApi(createFakes());
    const answer = await app.inject({ url: '/v1/payouts/%zz' });
    expect(answer.json<{ detail: string }>().detail).not.toContain('%zz');
  });

  it('logs of a crash what the error says, and none of what hangs on it', async () => {
    const lines: string[] = [];
    const logger = createLogger({ level: 'info', name: 'api' }, { write: (line) => lines.push(line) });
    const { app } = await openApi(createFakes(), { register, logger });
    await app.inject('/typed-crash');
    expect(lines.join('')).toContain('canary: internals');
    expect(lines.join('')).not.toContain('"key"');
  });

  it('answers what is no HTTP', async () => {
    const { app } = await openApi(createFakes(), {});
    const answer = await sendRaw(app, 'this is no HTTP\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain('Content-Type: application/problem+json');
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  });

  it('answers headers without end with 431', async () => {
    const { app } = await openApi(createFakes(), {});
    const answer = await sendRaw(app, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer).toContain('"code":"HEADERS_TOO_LARGE"');
  });

  it('answers an answer that breaks its own schema with 500', async () => {
    const { app, logLines } = await openApi(createFakes(recordOf({ amount: 'NaN' })));
    const answer = await app.inject(asShop('GET', '/v1/payouts/inv-2026-0001'));
    expect(answer.json()).toMatchObject({ status: 500, code: 'INTERNAL' });
    expect(logLines.join('')).toContain('"level":50');
  });

  it('answers reads with 503 and "try again" during an outage', async () => {
    const fakes = createFakes();
    fakes.store.payouts.findPayout = () => Promise.reject(new Error('Connection terminated unexpectedly'));
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', '/v1/payouts/inv-2026-0001'));
    expect(answer.json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    expect(answer.json<{ detail: string }>().detail).toContain('try again');
    expect(answer.headers['retry-after']).toBeDefined();
  });
});

test('K52: uploads that their senders break off say nothing of an outage', async () => {
  const { app, logLines } = await openApi(createFakes(), { register });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const breakOff = (head: string): Promise<void> =>
    new Promise((resolve) => {
      app.server.once('request', ({ socket }) => {
        socket.once('close', resolve);
        client.destroy();
      });
      const client = connect(port, '127.0.0.1', () => client.write(`${head}\r\n\r\n{"half":`));
    });
  const length = 'host: x\r\ncontent-type: application/json\r\ncontent-length: 50';
  for (let upload = 0; upload < 25; upload += 1) {
    await breakOff(`POST /webhooks/test HTTP/1.1\r\n${length}`);
    await breakOff(`POST /v1/payouts HTTP/1.1\r\nauthorization: Bearer ${KEYS.shop}\r\n${length}`);
  }
  await app.close();
  expect(logLines.filter((line) => /"level":[456]0|does not answer|unavailable/i.test(line))).toEqual([]);
});

describe('health', () => {
  it('is alive and ready', async () => {
    const { app } = await openApi(createFakes());
    expect((await app.inject('/livez')).json()).toEqual({ status: 'alive', version: '1.2.3' });
    expect((await app.inject('/readyz')).json()).toEqual({ status: 'ready', version: '1.2.3', brakes: [] });
  });

  it.each([
    ['database', ['database']],
    ['temporal', ['temporal']],
    ['both', ['database', 'temporal']],
  ])('is not ready without %s, and names it', async (_name, parts) => {
    const fakes = createFakes();
    const fail = () => Promise.reject(new Error('postgres://user:canary@db'));
    if (parts.includes('database')) fakes.store.ping = fail;
    if (parts.includes('temporal')) fakes.payouts.ping = fail;
    const { app } = await openApi(fakes);
    const answer = await app.inject('/readyz');
    expect(answer.json()).toMatchObject({
      status: 503,
      code: 'NOT_READY',
      errors: parts.map((field) => ({ field })),
    });
    expect(answer.body).not.toContain('canary');
    expect((await app.inject('/livez')).statusCode).toBe(200);
  });

  it('does not wait for a part that never answers', async () => {
    const fakes = createFakes();
    fakes.store.ping = () => new Promise(() => undefined);
    const { app } = await openApi(fakes);
    expect((await app.inject('/readyz')).json()).toMatchObject({
      status: 503,
      errors: [{ field: 'database' }],
    });
  });

  it('is not ready while draining, and lets connections go', async () => {
    let draining = false;
    const { app } = await openApi(createFakes(recordOf()), { isDraining: () => draining });
    expect((await app.inject('/readyz')).headers['connection']).not.toBe('close');
    draining = true;
    const readiness = await app.inject('/readyz');
    expect(readiness.json()).toMatchObject({ status: 503, code: 'NOT_READY' });
    const work = await app.inject(asShop('GET', '/v1/payouts/inv-2026-0001'));
    expect([work.statusCode, work.headers['connection']]).toEqual([200, 'close']);
  });
});

describe('every answer', () => {
  it('carries a request id: the one it was sent, when that can be logged', async () => {
    const { app } = await openApi(createFakes());
    const idOf = async (given?: string) =>
      (await app.inject({ url: '/nowhere', headers: given === undefined ? {} : { 'x-request-id': given } }))
        .headers['x-request-id'];
    expect(await idOf('trace-42')).toBe('trace-42');
    expect(await idOf('two words')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf('x'.repeat(65))).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf()).not.toBe(await idOf());
  });

  it('is not for browsers to keep or show', async () => {
    const { app } = await openApi(createFakes());
    for (const url of ['/livez', '/nowhere']) {
      expect((await app.inject(url)).headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      });
    }
  });

  it('leaves one log line with what was asked and nothing of what was said', async () => {
    const { app, logLines } = await openApi(createFakes(recordOf()));
    const headers = { authorization: `Bearer ${KEYS.shop}`, 'x-request-id': 'trace-42' };
    await app.inject({ url: '/v1/payouts/inv-2026-0001', headers });
    await app.inject({ url: '/v1/payouts?token=canary', headers });
    await app.inject({ url: '/canary/secret', headers });
    expect(logLines).toHaveLength(3);
    expect(JSON.parse(logLines[0] ?? '')).toMatchObject({
      method: 'GET',
      route: '/v1/payouts/:payoutId',
      status: 200,
      requestId: 'trace-42',
      payoutId: 'inv-2026-0001',
      actor: 'shop',
      durationMs: expect.any(Number) as number,
    });
    expect(logLines.join('')).not.toContain('canary');
    expect(logLines.join('')).not.toContain(KEYS.shop);
  });
});

describe('routes of another room', () => {
  it('answer without a key, with their own parser', async () => {
    const { app } = await openApi(createFakes(), { register, apiKeys: [] });
    const headers = { host: 'public.example', 'content-type': 'application/json' };
    const answer = await app.inject({ method: 'POST', url: '/webhooks/test', headers, payload: '{not json' });
    expect(answer.json()).toEqual({ received: true });
    expect(answer.headers['x-request-id']).toBeDefined();
  });
});
