import type { FastifyInstance, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { PAYOUT_ID_PATTERN } from '../domain/identifiers.js';

const REQUEST_ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;

/** Answers are for programs and never for a browser to show, keep or embed. */
const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** The caller's `X-Request-Id` where it can be logged safely, else a new one. */
export function createRequestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID_PATTERN.test(given) ? given : randomUUID();
}

/** What holds for every request, whoever answers it: the id, the headers, one log line, the end of keep-alive. */
export function addRequestHooks(app: FastifyInstance, isDraining: () => boolean): void {
  app.decorateRequest('actor', '');
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers({ ...SECURITY_HEADERS, 'x-request-id': request.id });
    done();
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isDraining()) reply.header('connection', 'close');
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    request.log.info(
      {
        method: request.method,
        // The pattern, not the path: paths of unknown routes can hold anything.
        route: request.routeOptions.url,
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime),
        actor: request.actor || undefined,
        payoutId: payoutIdOf(request),
      },
      'request answered',
    );
    done();
  });
}

function payoutIdOf({ params, body }: FastifyRequest): string | undefined {
  const candidates = [params, body].map(
    (part) => (part as { payoutId?: unknown } | null | undefined)?.payoutId,
  );
  return candidates.find((id) => typeof id === 'string' && PAYOUT_ID_PATTERN.test(id)) as string | undefined;
}
