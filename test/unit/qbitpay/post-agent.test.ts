import { once } from 'node:events';
import { request as httpRequest, type ClientRequest } from 'node:http';
import {
  createServer as createHttpsServer,
  request as httpsRequest,
  type Agent as HttpsAgent,
} from 'node:https';
import type { Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import got from 'got';
import { createStaticApiKey } from '../../../src/qbitpay/api-key.js';
import { createQbitPayClient } from '../../../src/qbitpay/client.js';
import { takeMoment, type Moment } from '../../../src/qbitpay/moment.js';
import { createPostAgent, POST_DEADLINE_CODE } from '../../../src/qbitpay/post-agent.js';
import { closeServer, json, listen, startRecordingServer, startTcpServer } from './recording-server.js';
import { createSelfSignedCertificate } from './self-signed-certificate.js';

const certificate = createSelfSignedCertificate();
const NEW_PAYOUT = { amount: '1', currency: 'USDT', destination: { type: 'wallet', addr: '0x1' } } as const;
const PAYOUT = '{"id":"p1","createdAt":"2019","amount":1,"fee":0,"currency":"USDT","status":"pending"}';

/** What a frozen process is to itself: no callback runs, only the clock does. */
function freezeFor(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const deadlineIn = (ms: number): Moment => {
  const { monotonicMs, wallMs } = takeMoment();
  return { monotonicMs: monotonicMs + ms, wallMs: wallMs + ms };
};
const failureOf = async (request: ClientRequest) => ((await once(request, 'error')) as [Error])[0];

function agentFor<S extends 'http' | 'https'>(scheme: S, deadline: Moment) {
  return (createPostAgent({ secure: scheme === 'https', deadline }) as Record<S, HttpsAgent>)[scheme];
}

/** Counts the bytes of requests that arrive, after TLS where there is TLS. */
async function startCountingServer(scheme: 'http' | 'https') {
  const seen = { connections: 0, bytes: 0 };
  const count = (socket: Socket) => {
    seen.connections += 1;
    socket.on('data', (chunk) => (seen.bytes += chunk.length));
    socket.on('error', () => undefined);
  };
  if (scheme === 'http') return { seen, ...(await startTcpServer(count)) };
  const server = createTlsServer(certificate, count);
  server.on('tlsClientError', () => undefined);
  return { seen, port: await listen(server), close: () => closeServer(server) };
}

function post(scheme: 'http' | 'https', port: number, agent: HttpsAgent): ClientRequest {
  const options = { host: '127.0.0.1', port, method: 'POST', agent };
  const request =
    scheme === 'https' ? httpsRequest({ ...options, ca: certificate.cert }) : httpRequest(options);
  return request.end('{"amount":1}');
}

const OVER = {
  both: deadlineIn(-1),
  monotonic: { ...deadlineIn(-1), wallMs: Infinity },
  // A machine that was suspended: only the wall clock went on.
  wall: { ...deadlineIn(60_000), wallMs: Date.now() - 1 },
} as const;

test.each(
  (['http', 'https'] as const).flatMap((scheme) =>
    (['both', 'monotonic', 'wall'] as const).map((clock) => [scheme, clock] as const),
  ),
)('%s: after the deadline of %s clocks not one byte leaves', async (scheme, clock) => {
  const { seen, port, close } = await startCountingServer(scheme);
  const request = post(scheme, port, agentFor(scheme, OVER[clock]));
  expect(await failureOf(request)).toMatchObject({ code: POST_DEADLINE_CODE });
  await close();
  expect(seen.bytes).toBe(0);
});

test.each(['http', 'https'] as const)(
  '%s: a process that is frozen while it connects does not send when it wakes',
  async (scheme) => {
    const { seen, port, close } = await startCountingServer(scheme);
    const agent = agentFor(scheme, deadlineIn(80));
    const request = post(scheme, port, agent);
    const failure = failureOf(request);
    // Before the event loop can see the connection stand: it does by the time this process runs again.
    process.nextTick(() => freezeFor(200));
    expect(await failure).toMatchObject({ code: POST_DEADLINE_CODE });
    await close();
    expect(seen.bytes).toBe(0);
  },
);

test('https: frozen between the TCP connection and the end of the handshake, nothing is sent', async () => {
  const seen = { bytes: 0 };
  const server = createTlsServer(
    {
      ...certificate,
      SNICallback: (_name, done) => {
        freezeFor(200);
        done(null);
      },
    },
    (socket) => socket.on('data', (chunk: Buffer) => (seen.bytes += chunk.length)),
  );
  server.on('tlsClientError', () => undefined);
  const port = await listen(server);
  const agent = agentFor('https', deadlineIn(100));
  const request = httpsRequest({ host: 'localhost', port, method: 'POST', agent, ca: certificate.cert });
  request.end('{}');
  expect(await failureOf(request)).toMatchObject({ code: POST_DEADLINE_CODE });
  await closeServer(server);
  expect(seen.bytes).toBe(0);
});

test('https: before the deadline the request goes through, under got too', async () => {
  const server = createHttpsServer(certificate, (_request, response) => response.end('paid'));
  const port = await listen(server);
  const agent = { https: agentFor('https', deadlineIn(10_000)) };
  const response = await got.post(`https://127.0.0.1:${port}/`, {
    agent,
    body: '{}',
    https: { certificateAuthority: certificate.cert },
    timeout: { lookup: 5_000, connect: 5_000, secureConnect: 5_000, send: 5_000, response: 5_000 },
  });
  expect(response.body).toBe('paid');
  await closeServer(server);
});

test('a POST of the client that was frozen is certain not to be sent', async () => {
  const { seen, port, close } = await startCountingServer('http');
  const client = createQbitPayClient({
    baseUrl: `http://127.0.0.1:${port}`,
    apiKey: createStaticApiKey('sk_test'),
    timeouts: { postDeadlineMs: 100 },
  });
  const call = client.createPayout(NEW_PAYOUT);
  const outcome = expect(call).rejects.toMatchObject({
    name: 'QbitPayConnectionError',
    operation: 'createPayout',
    sent: false,
    code: POST_DEADLINE_CODE,
  });
  freezeFor(200);
  await outcome;
  await close();
  expect(seen.bytes).toBe(0);
});

test('waiting for the request rate counts against the deadline', async () => {
  const server = await startRecordingServer();
  server.respond = json(PAYOUT);
  const client = createQbitPayClient({
    baseUrl: server.baseUrl,
    apiKey: createStaticApiKey('sk_test'),
    timeouts: { postDeadlineMs: 2_000 },
    maxRequestsPerSecond: 0.4,
  });
  // At once, so that the turn of the second comes half a second after its deadline however long the first takes.
  const [first, second] = [client.createPayout(NEW_PAYOUT), client.createPayout(NEW_PAYOUT)];
  await expect(second).rejects.toMatchObject({ sent: false, code: POST_DEADLINE_CODE });
  await first;
  expect(server.requests).toHaveLength(1);
  client.close();
  await server.close();
});

test('every POST has a connection of its own', async () => {
  const server = await startRecordingServer();
  const ports = new Set<number | undefined>();
  server.respond = (request, response) => {
    ports.add(response.socket?.remotePort);
    json(PAYOUT)(request, response);
  };
  const client = createQbitPayClient({ baseUrl: server.baseUrl, apiKey: createStaticApiKey('sk_test') });
  for (let round = 0; round < 3; round += 1) await client.createPayout(NEW_PAYOUT);
  expect(ports.size).toBe(3);
  client.close();
  await server.close();
});
