import { createHash, timingSafeEqual } from 'node:crypto';
import type { onRequestHookHandler } from 'fastify';
import type { ApiKeyEntry, ApiScope } from '../domain/api-key-entry.js';
import { ProblemError } from './problem.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Name of the key that the request came with; `local` where no keys are set; empty before authentication. */
    actor: string;
    /** Whose the payouts are that it asks for. */
    owner: string;
  }
}

/** Makes the hook that lets a request through when its key has the scope, before its body is read. */
export type Authentication = (scope: ApiScope) => onRequestHookHandler;

const LOCAL_ACTOR = 'local';
const LOOPBACK_NAME = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i;
const BEARER = /^Bearer +(\S+) *$/i;
const CHALLENGE = 'Bearer realm="qbitpay-payouts"';

/** Without keys every local request is let through; see {@link assertLocal}. */
export function createAuthentication(apiKeys: readonly ApiKeyEntry[]): Authentication {
  const known = apiKeys.map((entry) => ({ entry, hash: Buffer.from(entry.sha256, 'hex') }));
  return (scope) => (request, _reply, done) => {
    if (known.length === 0) {
      assertLocal(request.hostname, request.headers.origin);
      request.actor = LOCAL_ACTOR;
    } else {
      const entry = findEntry(known, request.headers.authorization);
      request.actor = entry.name;
      request.owner = entry.owner;
      assertScope(entry, scope);
    }
    done();
  };
}

type KnownKey = { readonly entry: ApiKeyEntry; readonly hash: Buffer };

/** Compares with every key, each in constant time, so that the time says nothing about any of them. */
function findEntry(known: readonly KnownKey[], authorization: string | undefined): ApiKeyEntry {
  const key = BEARER.exec(authorization ?? '')?.[1];
  if (key === undefined) {
    throw new ProblemError('UNAUTHENTICATED', 'Send the key as "Authorization: Bearer <key>".', {
      headers: { 'www-authenticate': CHALLENGE },
    });
  }
  const hash = createHash('sha256').update(key, 'utf8').digest();
  let found: ApiKeyEntry | undefined;
  for (const candidate of known) {
    if (timingSafeEqual(candidate.hash, hash)) found = candidate.entry;
  }
  if (found !== undefined) return found;
  throw new ProblemError('UNAUTHENTICATED', 'The key is not known.', {
    headers: { 'www-authenticate': `${CHALLENGE}, error="invalid_token"` },
  });
}

function assertScope(entry: ApiKeyEntry, scope: ApiScope): void {
  if (entry.scopes.includes(scope)) return;
  throw new ProblemError('SCOPE_MISSING', `The key "${entry.name}" lacks the scope "${scope}".`, {
    headers: { 'www-authenticate': `${CHALLENGE}, error="insufficient_scope", scope="${scope}"` },
  });
}

/**
 * Listening on loopback keeps other computers out, and not the pages in a browser on this one: a name that
 * was rebound to loopback gives itself away by the Host header, a page of another site by Origin.
 */
function assertLocal(hostname: string, origin: string | undefined): void {
  if (LOOPBACK_NAME.test(hostname) && (origin === undefined || isLocalOrigin(origin))) return;
  throw new ProblemError(
    'HOST_REFUSED',
    'Without PAYOUTS_API_KEYS only requests to and from localhost are answered. Set PAYOUTS_API_KEYS.',
  );
}

function isLocalOrigin(origin: string): boolean {
  return URL.canParse(origin) && LOOPBACK_NAME.test(new URL(origin).hostname);
}
