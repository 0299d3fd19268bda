import { Agent as HttpAgent, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import { connect as connectTcp, type NetConnectOpts, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';

/** Code of a {@link PostDeadlineError}, which reaches callers as `QbitPayConnectionError.code`. */
export const POST_DEADLINE_CODE = 'ERR_POST_DEADLINE';

class PostDeadlineError extends Error {
  override readonly name = 'PostDeadlineError';
  readonly code = POST_DEADLINE_CODE;
}

/** An agent under the scheme that it serves. */
export type SchemeAgent = { http: HttpAgent } | { https: HttpsAgent };

type HandOver = (error: Error | null, socket: Duplex) => void;

/**
 * The agent of one POST. A worker that is frozen and wakes up later must not send then: by that time
 * somebody may have looked the payout up, found nothing, and sent it again. So the socket is handed to the
 * HTTP client only after the connection stands (TCP and, for https, the TLS handshake) and only before the
 * deadline; until then nothing of the request can be written. What remains is the moment between this check
 * and the write that follows it in the same turn of the event loop.
 *
 * `deadlineAtMs` is on the monotonic clock of `performance.now()`, which a frozen process cannot stop and a
 * corrected wall clock cannot move. The deadline also bounds the connection phase itself.
 */
export function createPostAgent(settings: { secure: boolean; deadlineAtMs: number }): SchemeAgent {
  const { secure, deadlineAtMs } = settings;
  return secure ? { https: new TlsPostAgent(deadlineAtMs) } : { http: new TcpPostAgent(deadlineAtMs) };
}

class TcpPostAgent extends HttpAgent {
  readonly #deadlineAtMs: number;

  constructor(deadlineAtMs: number) {
    super({ keepAlive: false });
    this.#deadlineAtMs = deadlineAtMs;
  }

  override createConnection(options: ClientRequestArgs, callback: HandOver): undefined {
    const socket = connectTcp(options as NetConnectOpts);
    handOverInTime({ socket, readyEvent: 'connect', deadlineAtMs: this.#deadlineAtMs, callback });
  }
}

class TlsPostAgent extends HttpsAgent {
  readonly #deadlineAtMs: number;

  constructor(deadlineAtMs: number) {
    super({ keepAlive: false });
    this.#deadlineAtMs = deadlineAtMs;
  }

  override createConnection(options: RequestOptions, callback: HandOver): undefined {
    const socket = connectTls(options as NetConnectOpts);
    handOverInTime({ socket, readyEvent: 'secureConnect', deadlineAtMs: this.#deadlineAtMs, callback });
  }
}

function handOverInTime(connection: {
  socket: Socket;
  readyEvent: 'connect' | 'secureConnect';
  deadlineAtMs: number;
  callback: HandOver;
}): void {
  const { socket, readyEvent, deadlineAtMs, callback } = connection;
  const remainingMs = () => deadlineAtMs - performance.now();
  const timer = setTimeout(() => socket.destroy(new PostDeadlineError()), Math.max(0, remainingMs()));
  const refuse = (error: Error) => {
    clearTimeout(timer);
    callback(error, socket);
  };
  socket.once('error', refuse);
  socket.once(readyEvent, () => {
    clearTimeout(timer);
    if (remainingMs() <= 0) {
      socket.destroy(new PostDeadlineError());
      return;
    }
    socket.off('error', refuse);
    callback(null, socket);
  });
}
