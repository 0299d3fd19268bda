import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { connect as connectTcp, type NetConnectOpts, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { msUntil, type Moment } from './moment.js';

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
 * A frozen process cannot stop the clocks of the deadline, nor can a corrected wall clock, or a machine that was
 * suspended, move both. The deadline also bounds the connection phase itself.
 */
export function createPostAgent({ secure, deadline }: { secure: boolean; deadline: Moment }): SchemeAgent {
  const createConnection = (options: unknown, callback: HandOver): undefined => {
    const socket = secure ? connectTls(options as ConnectionOptions) : connectTcp(options as NetConnectOpts);
    const readyEvent = secure ? 'secureConnect' : 'connect';
    handOverInTime(socket, readyEvent, deadline, callback);
  };
  return secure
    ? { https: Object.assign(new HttpsAgent({ keepAlive: false }), { createConnection }) }
    : { http: Object.assign(new HttpAgent({ keepAlive: false }), { createConnection }) };
}

function handOverInTime(socket: Socket, readyEvent: string, deadline: Moment, callback: HandOver): void {
  const timer = setTimeout(() => socket.destroy(new PostDeadlineError()), Math.max(0, msUntil(deadline)));
  const refuse = (error: Error) => {
    clearTimeout(timer);
    callback(error, socket);
  };
  socket.once('error', refuse);
  socket.once(readyEvent, () => {
    clearTimeout(timer);
    if (msUntil(deadline) <= 0) {
      socket.destroy(new PostDeadlineError());
      return;
    }
    socket.off('error', refuse);
    callback(null, socket);
  });
}
