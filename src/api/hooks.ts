import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { DEFAULT_OWNER, PAYOUT_ID_PATTERN } from '../domain/identifiers.js';
import type { ApiServer } from './api-server.js';
import { ProblemError } from './problem.js';

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
  app.decorateRequest('owner', DEFAULT_OWNER);
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

/**
 * JSON is the only body the API reads. An empty one counts as none, because clients send the header with a
 * POST that has nothing to say; bytes that are not UTF-8 are refused, because replacing them would change a
 * beneficiary's name; and so is a member that is named twice: readers differ in which of the two they take.
 */
export function readJsonBodiesOnly(app: ApiServer): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (request: FastifyRequest, body: Buffer, done: (error: Error | null, body?: unknown) => void) => {
      if (!isUtf8(body)) done(new ProblemError('BAD_REQUEST', 'The body is not UTF-8.'));
      else if (body.length === 0) done(null, undefined);
      else {
        const json = body.toString('utf8');
        void parseJson(request, json, (error, parsed) => {
          const twice = error === null ? findMemberNamedTwice(json) : undefined;
          if (twice === undefined) return done(error, parsed);
          const errors = [{ field: twice.slice(0, MAX_SHOWN_NAME), message: 'is named twice' }];
          done(new ProblemError('VALIDATION_FAILED', 'Nothing was changed.', { errors }));
        });
      }
    },
  );
}

const MAX_SHOWN_NAME = 64;

/** The first member, at any depth, that its object names twice, however it is escaped. The text is JSON. */
function findMemberNamedTwice(json: string): string | undefined {
  const objects: Set<string>[] = [];
  for (const [token, string, colon] of json.matchAll(/("(?:[^"\\]+|\\.)*")(\s*:)?|[{}]/g)) {
    if (token === '{') objects.push(new Set());
    else if (token === '}') objects.pop();
    else if (string !== undefined && colon !== undefined) {
      const name = JSON.parse(string) as string;
      if (objects.at(-1)?.has(name) === true) return name;
      objects.at(-1)?.add(name);
    }
  }
  return undefined;
}

/** Answers 404 for paths that do not exist and 405 for methods that a path does not know; before any route is added. */
export function answerUnknownRoutes(app: FastifyInstance): void {
  const methodsByPath = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = methodsByPath.get(url) ?? { pattern: toPattern(url), methods: new Set<string>() };
    methodsByPath.set(url, known);
    for (const name of [method].flat()) known.methods.add(name);
  });
  app.setNotFoundHandler((request) => {
    const [path = ''] = request.url.split('?');
    const allowed = [...methodsByPath.values()].find(({ pattern }) => pattern.test(path));
    if (allowed === undefined || allowed.methods.has(request.method)) {
      throw new ProblemError('ROUTE_NOT_FOUND', 'There is nothing at this path; see /docs.');
    }
    const allow = [...allowed.methods].join(', ');
    throw new ProblemError('METHOD_NOT_ALLOWED', `This path knows ${allow}.`, { headers: { allow } });
  });
}

/** `/v1/payouts/:payoutId` as an expression that paths can be tested with. */
function toPattern(route: string): RegExp {
  const parts = route.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+';
    return part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/')}$`);
}
