/** A provider that asks for more than this is not waited for longer: the next attempt asks again. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

const DELTA_SECONDS = /^\d{1,10}$/;
/** The three spellings of an HTTP-date that RFC 9110 section 5.6.7 wants read; the last one names no zone. */
const HTTP_DATE =
  /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4}|[A-Z][a-z]+, \d{2}-[A-Z][a-z]{2}-\d{2}) \d{2}:\d{2}:\d{2} GMT$/;
const ASCTIME_DATE = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * How long a `Retry-After` header asks to wait, in milliseconds from `nowMs` (Unix time): 0 to
 * {@link MAX_RETRY_AFTER_MS}. Undefined when there is no header or it makes no sense (RFC 9110 section
 * 10.2.3; the provider's reference does not mention the header: contract, section Errors [I]).
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const waitMs = readWait(header?.trim() ?? '', nowMs);
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), MAX_RETRY_AFTER_MS);
}

function readWait(text: string, nowMs: number): number {
  if (DELTA_SECONDS.test(text)) return Number(text) * 1000;
  if (HTTP_DATE.test(text)) return Date.parse(text) - nowMs;
  return ASCTIME_DATE.test(text) ? Date.parse(`${text} GMT`) - nowMs : Number.NaN;
}
