import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { createStaticApiKey, type ApiKeySource } from '../../../src/qbitpay/api-key.js';
import { createQbitPayClient } from '../../../src/qbitpay/client.js';
import type { TransportOptions } from '../../../src/qbitpay/transport.js';
import { QbitPayConnectionError, QbitPayError, QbitPayResponseError } from '../../../src/qbitpay/errors.js';
import {
  closeServer,
  json,
  listen,
  startRecordingServer,
  startTcpServer,
  type RecordingServer,
  type Responder,
} from './recording-server.js';
import { createSelfSignedCertificate } from './self-signed-certificate.js';

const KEY = 'sk_live_very_secret';
const ACCOUNT_NUMBER = '444444444444111';
const NEW_PAYOUT = {
  amount: '98.10',
  currency: 'USD',
  destination: {
    type: 'bankAccount',
    payerName: 'user name',
    bankAccountNum: ACCOUNT_NUMBER,
    bankName: 'Chase',
  },
} as const;
const PAYOUT =
  '{"id":"p1","object":"payout","createdAt":"2019","amount":98.1,"fee":1.9,"currency":"USD","status":"pending"}';
/** For answers that never come to an end; whatever else is looked at here must not be late for them. */
const IMPATIENT = { timeouts: { responseMs: 150, readMs: 150 } };

let server: RecordingServer;
beforeEach(async () => (server = await startRecordingServer()));
afterEach(() => server.close());

/** Runs one read and one POST; both must fail the same way unless a test looks at one of them. */
async function failures(options: Partial<TransportOptions> = {}): Promise<QbitPayError[]> {
  const apiKey = createStaticApiKey(KEY);
  const client = createQbitPayClient({ baseUrl: server.baseUrl, apiKey, ...options });
  const calls = [client.getPayout('p1'), client.createPayout(NEW_PAYOUT)];
  const outcomes = await Promise.allSettled(calls);
  client.close();
  return outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') throw new Error('the call succeeded');
    expect(outcome.reason).toBeInstanceOf(QbitPayError);
    const error = outcome.reason as QbitPayError;
    expectNoSecret(error);
    return error;
  });
}

function expectNoSecret(error: Error): void {
  const everything = inspect(error, { depth: 20, showHidden: true });
  expect(error.cause).toBeUndefined();
  for (const secret of [KEY, Buffer.from(`${KEY}:`).toString('base64'), ACCOUNT_NUMBER, 'user name']) {
    expect(everything).not.toContain(secret);
  }
}

const respond = (status: number, headers: Record<string, string>, body: string): Responder => {
  return (_request, response) => response.writeHead(status, headers).end(body);
};
const JSON_TYPE = { 'content-type': 'application/json' };

test.each<[string, string, Responder]>([
  ['notJson', 'no JSON', json('<html>')],
  ['notJson', 'half of a JSON text', json('{"id":"p1","amo')],
  ['notJson', 'an empty body', json('')],
  ['notJson', 'JSON too deep to read', json('['.repeat(300_000))],
  ['notJson', 'a compressed body nobody asked for', json('\u001f\u008b\b')],
  ['wrongType', 'HTML', respond(200, { 'content-type': 'text/html' }, PAYOUT)],
  ['wrongType', 'no content type', respond(200, {}, PAYOUT)],
  ['wrongType', 'nothing', respond(204, {}, '')],
  ['unexpectedShape', 'another object', json('{"object":"list","data":[]}')],
  ['unexpectedShape', 'an error object under 200', json('{"type":"api_error","message":"x"}')],
  ['tooLarge', 'more than was allowed', json(`{"id":"${'x'.repeat(3_000_000)}"}`)],
  ['redirect', 'a redirect', respond(302, { location: '/elsewhere' }, '')],
  ['redirect', 'a redirect that keeps the method', respond(307, { location: 'http://127.0.0.1:9/' }, '')],
  ['redirect', 'not modified', respond(304, {}, '')],
  [
    'truncated',
    'a body that ends early',
    (_request, response) => {
      response.writeHead(200, { ...JSON_TYPE, 'content-length': '1000' });
      response.write(PAYOUT, () => response.destroy());
    },
  ],
  [
    'truncated',
    'a chunked body that ends early',
    (_request, response) => {
      response.writeHead(200, JSON_TYPE);
      response.write(PAYOUT, () => response.destroy());
    },
  ],
])('%s: %s', async (reason, _name, responder) => {
  server.respond = responder;
  const errors = await failures({ maxResponseBytes: 1_000_000 });
  for (const error of errors) {
    expect(error).toBeInstanceOf(QbitPayResponseError);
    expect(error).toMatchObject({ reason });
  }
  expect(errors.map(({ operation }) => operation)).toEqual(['getPayout', 'createPayout']);
  expect(server.requests).toHaveLength(2);
});

test('a body is given up as soon as it is too large, also one that never ends', async () => {
  server.respond = (_request, response) => {
    response.writeHead(200, JSON_TYPE);
    const pour = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', pour);
    pour();
  };
  const errors = await failures({ maxResponseBytes: 500_000, timeouts: { readMs: 20_000 } });
  for (const error of errors) expect(error).toMatchObject({ reason: 'tooLarge' });
});

test('a compressed body is too large by what it holds, not by its bytes', async () => {
  server.respond = (_request, response) => {
    response.writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' });
    response.end(gzipSync(Buffer.alloc(2_000_000, 'x')));
  };
  const errors = await failures({ maxResponseBytes: 1_000_000 });
  for (const error of errors) expect(error).toMatchObject({ reason: 'tooLarge' });
});

/** Promises more than it sends. */
const cutOff = (status: number, begin: string): Responder => {
  return (_request, response) => {
    response.writeHead(status, { ...JSON_TYPE, 'content-length': '1000' }).flushHeaders();
    response.write(begin, () => response.destroy());
  };
};

test.each<[number, string, Responder, boolean?]>([
  [502, 'QbitPayApiError', respond(502, { 'content-type': 'text/html' }, '<html>')],
  [500, 'QbitPayApiError', json('', 500), true],
  [401, 'QbitPayAuthenticationError', respond(401, {}, ''), true],
  [401, 'QbitPayAuthenticationError', cutOff(401, '{"type":')],
  [403, 'QbitPayAuthenticationError', respond(403, { 'content-type': 'text/html' }, '<html>')],
  [403, 'QbitPayAuthenticationError', json(`{"x":"${'x'.repeat(2_000_000)}"}`, 403)],
  [404, 'QbitPayInvalidRequestError', respond(404, {}, 'not found')],
  [429, 'QbitPayRateLimitError', respond(429, { 'retry-after': '2' }, 'slow down')],
  [500, 'QbitPayApiError', json(`{"x":"${'x'.repeat(2_000_000)}"}`, 500)],
  [503, 'QbitPayApiError', cutOff(503, '{"type":')],
])('%d without a readable error object is %s', async (status, name, responder, isEmpty = false) => {
  server.respond = responder;
  for (const error of await failures({ maxResponseBytes: 1_000_000 })) {
    expect(error).toMatchObject({ name, status, hasErrorObject: false, isEmpty });
  }
});

test('500 that begins and stalls is QbitPayApiError', async () => {
  server.respond = (_request, response) => response.writeHead(500, JSON_TYPE).write('{');
  for (const error of await failures({ timeouts: { readMs: 150 } })) {
    expect(error).toMatchObject({ name: 'QbitPayApiError', status: 500, hasErrorObject: false });
  }
});

test('a documented error object arrives whole, bare or wrapped', async () => {
  const bare = '{"type":"invalid_request_error","message":"No such bank","detail":"bankName"}';
  for (const text of [bare, `{"error":${bare}}`]) {
    server.respond = json(text, 402, { 'retry-after': '5' });
    for (const error of await failures()) {
      expect(error).toMatchObject({
        name: 'QbitPayInvalidRequestError',
        status: 402,
        words: 'No such bank; bankName',
        hasErrorObject: true,
        retryAfterMs: 5_000,
      });
    }
  }
});

test('a provider that quotes the key does not get it into an error', async () => {
  const credentials = Buffer.from(`${KEY}:`).toString('base64');
  const body = JSON.stringify({
    type: 'authentication_error',
    message: `Bad ${KEY} (${credentials})`,
    detail: KEY,
  });
  server.respond = json(body, 403);
  for (const error of await failures())
    expect(error).toMatchObject({ words: 'Bad [secret] ([secret]); [secret]' });
});

test('a 401 re-reads the key and is not retried; the next attempt uses the new key', async () => {
  let key = 'old';
  let reloads = 0;
  const apiKey: ApiKeySource = {
    current: () => key,
    reload() {
      reloads += 1;
      key = 'new';
      return Promise.resolve(true);
    },
  };
  const client = createQbitPayClient({ baseUrl: server.baseUrl, apiKey });
  server.respond = json('{"type":"authentication_error","message":"no"}', 401);
  await expect(client.getPayout('p1')).rejects.toMatchObject({ name: 'QbitPayAuthenticationError' });
  expect([reloads, server.requests.length]).toEqual([1, 1]);
  server.respond = json(PAYOUT);
  await client.getPayout('p1');
  expect(server.requests[1]?.headers.authorization).toBe(`Basic ${Buffer.from('new:').toString('base64')}`);
  server.respond = json('{"type":"authentication_error","message":"no"}', 403);
  await expect(client.getPayout('p1')).rejects.toMatchObject({ status: 403 });
  client.close();
});

async function expectConnectionErrors(sent: boolean, options: Partial<TransportOptions>, codes: string[]) {
  for (const error of await failures(options)) {
    expect(error).toBeInstanceOf(QbitPayConnectionError);
    const { sent: mayHaveLeft, code } = error as QbitPayError & { sent: boolean; code: string };
    expect({ sent: mayHaveLeft, code }).toEqual({ sent, code });
    expect(codes).toContain(code);
  }
}

test('a refused port: nothing was sent', async () => {
  const { port, close } = await startTcpServer(() => undefined);
  await close();
  await expectConnectionErrors(false, { baseUrl: `http://127.0.0.1:${port}` }, ['ECONNREFUSED']);
});

test('an unknown host: nothing was sent', async () => {
  const baseUrl = 'http://no-such-host.invalid';
  await expectConnectionErrors(false, { baseUrl }, ['ENOTFOUND', 'EAI_AGAIN']);
});

test('a certificate that is not trusted: nothing was sent', async () => {
  const requests: string[] = [];
  const tlsServer = createTlsServer(createSelfSignedCertificate(), ({ url = '' }) => requests.push(url));
  const port = await listen(tlsServer);
  const codes = ['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN'];
  await expectConnectionErrors(false, { baseUrl: `https://127.0.0.1:${port}` }, codes);
  await closeServer(tlsServer);
  expect(requests).toEqual([]);
});

test('a handshake that never comes: nothing was sent', async () => {
  const sockets: Socket[] = [];
  const silent = await startTcpServer((socket) => sockets.push(socket));
  await expectConnectionErrors(
    false,
    {
      baseUrl: `https://127.0.0.1:${silent.port}`,
      timeouts: { connectMs: 100, postDeadlineMs: 100 },
    },
    ['ETIMEDOUT', 'ERR_POST_DEADLINE'],
  );
  for (const socket of sockets) socket.destroy();
  await silent.close();
});

test('a reset after the request: it may have been sent', async () => {
  server.respond = (_request, response) => response.destroy();
  await expectConnectionErrors(true, {}, ['ECONNRESET']);
});

test('no answer in time: it may have been sent', async () => {
  server.respond = () => undefined;
  await expectConnectionErrors(true, IMPATIENT, ['ETIMEDOUT']);
});

test('an answer that begins and stalls: it may have been sent', async () => {
  server.respond = (_request, response) => response.writeHead(200, JSON_TYPE).write('{');
  await expectConnectionErrors(true, IMPATIENT, ['ETIMEDOUT']);
});

test('an answer that is no HTTP: it may have been sent', async () => {
  const babbling = await startTcpServer((socket) => socket.once('data', () => socket.end('hello\r\n\r\n')));
  await expectConnectionErrors(true, { baseUrl: `http://127.0.0.1:${babbling.port}` }, [
    'HPE_INVALID_CONSTANT',
    'HPE_INVALID_VERSION',
  ]);
  await babbling.close();
});

test('a kept connection that broke in the meantime: it may have been sent', async () => {
  const sockets: Socket[] = [];
  const text = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${PAYOUT.length}\r\n\r\n${PAYOUT}`;
  const fragile = await startTcpServer((socket) => {
    sockets.push(socket);
    socket.once('data', () => {
      socket.write(text);
      socket.once('data', () => socket.resetAndDestroy());
    });
  });
  const apiKey = createStaticApiKey(KEY);
  const client = createQbitPayClient({ baseUrl: `http://127.0.0.1:${fragile.port}`, apiKey });
  await client.getPayout('p1');
  await expect(client.getPayout('p1')).rejects.toMatchObject({ sent: true, code: 'ECONNRESET' });
  expect(sockets).toHaveLength(1);
  client.close();
  await fragile.close();
});

test('close lets go of the connections that reads keep open', async () => {
  const closed: Promise<unknown>[] = [];
  server.respond = (_request, response) => {
    closed.push(once(response.socket!, 'close'));
    json(PAYOUT)(_request, response);
  };
  const client = createQbitPayClient({ baseUrl: server.baseUrl, apiKey: createStaticApiKey(KEY) });
  await client.getPayout('p1');
  await client.createPayout(NEW_PAYOUT);
  client.close();
  await Promise.all(closed);
  expect(closed).toHaveLength(2);
});
