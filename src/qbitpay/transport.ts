import { Agent as HttpAgent, type IncomingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import got, { TimeoutError, type Got, type Request } from 'got';
import { REQUEST_REASON, type RequestReason } from '../domain/request-reason.js';
import type { ApiKeySource } from './api-key.js';
import { parseDecimalJson, stringifyDecimalJson } from './decimal-json.js';
import {
  QbitPayConnectionError,
  QbitPayResponseError,
  RESPONSE_FLAW,
  toProviderError,
  type QbitPayError,
} from './errors.js';
import { takeMoment, type Moment } from './moment.js';
import { createPostAgent, type SchemeAgent } from './post-agent.js';
import { createRequestRate } from './request-rate.js';

/** Limits of the phases of one request, in milliseconds. */
export interface QbitPayTimeouts {
  /** Each of DNS look-up, TCP connection and TLS handshake of a read. @default 5000 */
  readonly connectMs: number;
  /** Writing the request. @default 10000 */
  readonly sendMs: number;
  /** From the request written to the first byte of the answer. @default 30000 */
  readonly responseMs: number;
  /** From the first byte of the answer to its last. @default 30000 */
  readonly readMs: number;
  /**
   * From the decision to send a POST to the moment its first byte may leave, waiting for the request rate and the
   * whole connection phase included; what is not under way by then is never sent. @default 10000
   */
  readonly postDeadlineMs: number;
}

const DEFAULT_TIMEOUTS: QbitPayTimeouts = {
  connectMs: 5_000,
  sendMs: 10_000,
  responseMs: 30_000,
  readMs: 30_000,
  postDeadlineMs: 10_000,
};

const DEFAULT_MAX_RESPONSE_BYTES = 5 * 1024 * 1024;

export interface TransportOptions {
  /** Scheme, host and, where there is one, port and path prefix: `https://api.qbitnetwork.com`. */
  readonly baseUrl: string;
  readonly apiKey: ApiKeySource;
  /** Requests are spaced evenly to stay within this rate. @default no limit */
  readonly maxRequestsPerSecond?: number | undefined;
  readonly timeouts?: Partial<QbitPayTimeouts> | undefined;
  /** A longer answer is not read to its end. @default 5 MiB */
  readonly maxResponseBytes?: number | undefined;
}

export interface TransportRequest {
  /** Name of the client method, for errors. */
  readonly operation: string;
  /** @default GET */
  readonly method?: 'GET' | 'POST';
  /** Of a read, where the request rate is limited. @default step */
  readonly reason?: Exclude<RequestReason, 'send'>;
  /** Absolute path with escaped segments. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>> | undefined;
  readonly body?: object | undefined;
  /** Of a POST: see {@link QbitPayTimeouts.postDeadlineMs}. @default the moment of the call */
  readonly decidedAt?: Moment | undefined;
  /** Of a POST: until when it makes sense; nothing leaves later. In milliseconds of Unix time. @default none */
  readonly latestAtMs?: number | undefined;
  /** The number of the key that it may leave with. @default any */
  readonly keyNumber?: number | undefined;
}

/** A complete 2xx answer, not yet read. */
export interface Answer {
  readonly operation: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

export interface Transport {
  /** Resolves for a complete 2xx answer only. @throws QbitPayError for everything else */
  readonly send: (request: TransportRequest) => Promise<Answer>;
  readonly observed: ObservedTraffic;
  /** Reads the API key anew, where it lives in a file. */
  reloadKey(): Promise<void>;
  /** Which key is in use: a number that grows whenever another one is read. */
  keyNumber(): number;
  close(): void;
}

/** What the exchanges of this process have shown beside their answers. */
export interface ObservedTraffic {
  /** QbitPay's clock less ours by the `Date` header of its last answer, in milliseconds and to the second. */
  clockSkewMs: number | null;
  /** How many requests were sent since somebody took the counts away. */
  readonly requests: RequestCount[];
}

export interface RequestCount {
  readonly reason: RequestReason;
  readonly operation: string;
  requests: number;
}

/** What came back, whatever its status; `flaw` says why there is no complete body. */
interface Exchange extends Omit<Answer, 'operation'> {
  readonly flaw?: typeof RESPONSE_FLAW.TRUNCATED | typeof RESPONSE_FLAW.TOO_LARGE;
}

/** HTTP as the contract wants it: Basic authentication, no retries, no redirects, a limit on everything. */
export function createTransport(options: TransportOptions): Transport {
  const { apiKey, maxRequestsPerSecond, maxResponseBytes = DEFAULT_MAX_RESPONSE_BYTES } = options;
  const base = new URL(options.baseUrl);
  const secure = base.protocol === 'https:';
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const http = createHttp(timeouts);
  const readAgent: SchemeAgent = secure
    ? { https: new HttpsAgent({ keepAlive: true }) }
    : { http: new HttpAgent({ keepAlive: true }) };
  const waitForTurn =
    maxRequestsPerSecond === undefined ? undefined : createRequestRate(maxRequestsPerSecond);
  const observed: ObservedTraffic = { clockSkewMs: null, requests: [] };
  let keyNumber = 1;
  async function reloadKey(): Promise<void> {
    if (await apiKey.reload()) keyNumber += 1;
  }

  return {
    observed,
    reloadKey,
    keyNumber: () => keyNumber,
    async send(request) {
      const deadline = deadlineOf(request, timeouts);
      const url = toUrl(base, request);
      const body = request.body === undefined ? undefined : Buffer.from(stringifyDecimalJson(request.body));
      const { method = 'GET', operation } = request;
      const isPost = method === 'POST';
      const reason = isPost ? REQUEST_REASON.SEND : (request.reason ?? REQUEST_REASON.STEP);
      await waitForTurn?.(reason);
      // Another one was read meanwhile, maybe of another account.
      if (request.keyNumber !== undefined && request.keyNumber !== keyNumber)
        throw new QbitPayConnectionError(operation, { sent: false, code: 'ERR_KEY_CHANGED' });
      count(observed.requests, reason, operation);
      const agent = isPost ? createPostAgent({ secure, deadline }) : readAgent;
      const key = apiKey.current();
      const credentials = Buffer.from(`${key}:`).toString('base64');
      const headers = { authorization: `Basic ${credentials}`, ...(body && JSON_CONTENT) };
      const stream = http.stream(url, { method, agent, headers, ...(body && { body }) });
      const exchange = await exchangeOnce(operation, { stream, protocol: url.protocol, maxResponseBytes });
      observed.clockSkewMs = readClockSkew(exchange.headers) ?? observed.clockSkewMs;
      if (isSuccess(exchange.status) && exchange.flaw === undefined) {
        return { operation, ...exchange };
      }
      // The key file may have been replaced: the caller's next attempt uses what it says now.
      if (exchange.status === 401) await reloadKey();
      throw toError(operation, exchange, [key, credentials]);
    },
    close: () => Object.values(readAgent).forEach((agent: HttpAgent) => agent.destroy()),
  };
}

function count(counts: RequestCount[], reason: RequestReason, operation: string): void {
  const known = counts.find((one) => one.reason === reason && one.operation === operation);
  if (known === undefined) counts.push({ reason, operation, requests: 1 });
  else known.requests += 1;
}

function deadlineOf(
  { decidedAt = takeMoment(), latestAtMs = Infinity }: TransportRequest,
  { postDeadlineMs }: QbitPayTimeouts,
): Moment {
  const { monotonicMs, wallMs } = decidedAt;
  return { monotonicMs: monotonicMs + postDeadlineMs, wallMs: Math.min(wallMs + postDeadlineMs, latestAtMs) };
}

function toUrl(base: URL, { path, query = {} }: TransportRequest): URL {
  const url = new URL(base);
  url.pathname = base.pathname.replace(/\/$/, '') + path;
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

const JSON_CONTENT = { 'content-type': 'application/json' };

function createHttp(timeouts: QbitPayTimeouts): Got {
  return got.extend({
    headers: { accept: 'application/json', 'user-agent': 'qbitpay-payouts' },
    // Decompressed by the library, a body would pass the size limit unseen.
    decompress: false,
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    timeout: {
      lookup: timeouts.connectMs,
      connect: timeouts.connectMs,
      secureConnect: timeouts.connectMs,
      send: timeouts.sendMs,
      response: timeouts.responseMs,
      read: timeouts.readMs,
    },
  });
}

interface Progress {
  sent: boolean;
  answer?: { readonly status: number; readonly headers: IncomingHttpHeaders };
}

/** @throws QbitPayConnectionError when no answer came, or a successful one stopped coming */
async function exchangeOnce(
  operation: string,
  { stream, protocol, maxResponseBytes }: { stream: Request; protocol: string; maxResponseBytes: number },
): Promise<Exchange> {
  const progress: Progress = { sent: false };
  stream.on('socket', (socket: Socket) => {
    whenReady(socket, protocol, () => (progress.sent = true));
  });
  stream.on('response', ({ statusCode, headers }: { statusCode: number; headers: IncomingHttpHeaders }) => {
    progress.answer = { status: statusCode, headers };
  });
  // The loop below sees errors; one that comes after it must not become an uncaught exception.
  stream.on('error', () => undefined);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxResponseBytes) break;
      chunks.push(chunk);
    }
  } catch (error) {
    return withoutBody(operation, progress, error);
  } finally {
    stream.destroy();
  }
  const { answer } = progress;
  if (answer === undefined) throw toConnectionError(operation, progress.sent, undefined);
  if (size > maxResponseBytes) return { ...answer, body: EMPTY, flaw: RESPONSE_FLAW.TOO_LARGE };
  return { ...answer, ...decompress(answer.headers, Buffer.concat(chunks), maxResponseBytes) };
}

/** Some gateways compress although nobody asked them to. */
function decompress(
  headers: IncomingHttpHeaders,
  body: Buffer,
  maxOutputLength: number,
): Pick<Exchange, 'body' | 'flaw'> {
  if (headers['content-encoding']?.trim().toLowerCase() !== 'gzip') return { body };
  try {
    return { body: gunzipSync(body, { maxOutputLength }) };
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    return { body: EMPTY, flaw: isTooLarge ? RESPONSE_FLAW.TOO_LARGE : RESPONSE_FLAW.TRUNCATED };
  }
}

function readClockSkew({ date = '' }: IncomingHttpHeaders): number | undefined {
  const skewMs = Date.parse(date) - Date.now();
  return Number.isFinite(skewMs) ? skewMs : undefined;
}

const EMPTY = new Uint8Array();

/** A request can leave from here on: `connect` for http, the end of the handshake for https. */
function whenReady(socket: Socket, protocol: string, callback: () => void): void {
  if (socket.connecting) socket.once(protocol === 'https:' ? 'secureConnect' : 'connect', callback);
  else callback();
}

function withoutBody(operation: string, { answer, sent }: Progress, error: unknown): Exchange {
  // An error status says enough without its body; a success that stalls is no answer yet.
  if (answer === undefined || (isSuccess(answer.status) && error instanceof TimeoutError)) {
    throw toConnectionError(operation, sent, error);
  }
  return { ...answer, body: EMPTY, flaw: RESPONSE_FLAW.TRUNCATED };
}

/** The library's error holds the key in its options: nothing but its code goes on. */
function toConnectionError(operation: string, sent: boolean, error: unknown): QbitPayConnectionError {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? 'ERR_NO_ANSWER';
  return new QbitPayConnectionError(operation, { sent, code });
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function toError(operation: string, exchange: Exchange, secrets: readonly string[]): QbitPayError {
  const { status, headers, body, flaw } = exchange;
  if (status >= 400) {
    const parsed = parseOrUndefined(body);
    const isEmpty = flaw === undefined && body.length === 0;
    return toProviderError({ operation, status, headers, body: parsed, isEmpty, nowMs: Date.now(), secrets });
  }
  const reason = isSuccess(status) && flaw !== undefined ? flaw : RESPONSE_FLAW.REDIRECT;
  return new QbitPayResponseError(operation, { status, reason, explanation: EXPLANATIONS[reason] });
}

const EXPLANATIONS = {
  [RESPONSE_FLAW.TRUNCATED]: 'the connection ended before the body did',
  [RESPONSE_FLAW.TOO_LARGE]: 'the body is larger than allowed',
  [RESPONSE_FLAW.REDIRECT]: 'a redirect, which is never followed',
};

function parseOrUndefined(body: Uint8Array): unknown {
  try {
    return parseDecimalJson(body);
  } catch {
    return undefined;
  }
}
