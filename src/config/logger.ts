import { pino, type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from './variables.js';

const REDACTED_NAMES = [
  'authorization',
  'apiKey',
  'apiKeys',
  'webhookExtraKeys',
  'databaseUrl',
  'password',
  'destination',
  'rawBody',
];
const REDACTED_DEPTH = 3;

/**
 * JSON lines on stdout. Keys, Authorization headers and destinations are redacted wherever a log line carries
 * them (to a depth of three); that is the second line of defence, the first is not to log them.
 */
export function createLogger(
  options: { readonly level: LogLevel; readonly name: string },
  output: DestinationStream = pino.destination({ dest: 1, sync: true }),
): Logger {
  return pino(
    {
      name: options.name,
      level: options.level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactedPaths(), censor: '[redacted]' },
      serializers: { err: describeError, error: describeError },
    },
    output,
  );
}

function redactedPaths(): string[] {
  const prefixes = Array.from({ length: REDACTED_DEPTH + 1 }, (_, depth) => '*.'.repeat(depth));
  return prefixes.flatMap((prefix) => REDACTED_NAMES.map((name) => `${prefix}${name}`));
}

/**
 * An allow-list: errors of libraries carry requests with their headers, and those of PostgreSQL the row that
 * failed, as further properties.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const { name, message, stack } = error;
  return { type: name, message, code, stack, ...(error.cause ? { cause: describeError(error.cause) } : {}) };
}
