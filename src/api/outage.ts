import { TemporalUnavailableError } from '../temporal/payout-gateway.js';

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
  'ENETUNREACH',
  'ENOENT',
]);

/**
 * Classes of SQLSTATE that say nothing about the statement: connection exception, transaction rollback,
 * insufficient resources, operator intervention (a shutdown or a cancelled statement).
 */
const TRANSIENT_SQLSTATE = /^(?:08|40|53|57)[0-9A-Z]{3}$/;

/** pg and its pool give these errors no code. */
const POOL_MESSAGE =
  /^(?:Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Cannot use a pool after calling end)/;

/** True when Temporal or the database did not answer, so that what was asked for may or may not have happened. */
export function isOutage(error: unknown): boolean {
  if (error instanceof TemporalUnavailableError) return true;
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (
    CONNECTION_ERROR_CODES.has(code) || TRANSIENT_SQLSTATE.test(code) || POOL_MESSAGE.test(error.message)
  );
}
