import { TemporalUnavailableError } from '../temporal/temporal-unavailable-error.js';

/** What a broken connection looks like: system error codes of the socket. */
const CONNECTION_ERROR_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOENT',
]);

/**
 * Classes of SQLSTATE that say nothing about the statement: connection exception, transaction rollback,
 * insufficient resources, operator intervention (a shutdown or a cancelled statement); and a transaction that is
 * read-only because the database became a standby, or that was ended because it did nothing for too long.
 */
const TRANSIENT_SQLSTATE = /^(?:(?:08|40|53|57)[0-9A-Z]{3}|25006|25P03)$/;

/** PostgreSQL ended the session, or did not let it begin: whatever the reason, no statement was refused. */
const SESSION_ENDED = new Set(['FATAL', 'PANIC']);

/** pg and its pool give these errors no code. */
const POOL_MESSAGE =
  /^(?:Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed and is not queryable|There was an error establishing an SSL connection|Cannot use a pool after calling end|driver has already been destroyed)/;

/** An error wraps another one that wraps another one; a circle of them has an end here. */
const DEEPEST_CAUSE = 5;

/**
 * True when Temporal or the database did not answer, so that what was asked for may or may not have happened. An
 * error is known by what it says, never by its class: the drivers' errors need not be of this module's realm.
 */
export function isOutage(error: unknown, depth = DEEPEST_CAUSE): boolean {
  if (error instanceof TemporalUnavailableError) return true;
  if (!isErrorLike(error) || depth < 0) return false;
  const { cause, errors } = error;
  const causes = [cause, ...(Array.isArray(errors) ? (errors as unknown[]) : [])];
  return showsOutage(error) || causes.some((inner) => isOutage(inner, depth - 1));
}

interface ErrorLike {
  readonly message: string;
  readonly code?: unknown;
  readonly severity?: unknown;
  readonly cause?: unknown;
  /** Of an attempt at every address of a host. */
  readonly errors?: unknown;
}

function isErrorLike(error: unknown): error is ErrorLike {
  return (
    typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string'
  );
}

function showsOutage({ message, code, severity }: ErrorLike): boolean {
  if (typeof severity === 'string' && SESSION_ENDED.has(severity)) return true;
  if (typeof code === 'string' && (CONNECTION_ERROR_CODES.has(code) || TRANSIENT_SQLSTATE.test(code)))
    return true;
  return POOL_MESSAGE.test(message);
}
