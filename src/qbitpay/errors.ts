import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { parseRetryAfter } from './retry-after.js';

/**
 * Everything the client throws about an exchange with the provider. No error carries the API key, a request
 * body, or the HTTP library's own error (which holds both) as its cause.
 */
export abstract class QbitPayError extends Error {
  /** The client method, for example `createPayout`. */
  readonly operation: string;

  constructor(operation: string, message: string) {
    super(message);
    this.operation = operation;
  }
}

type ProviderAnswer = Pick<
  QbitPayProviderError,
  'operation' | 'words' | 'status' | 'hasErrorObject' | 'isEmpty' | 'retryAfterMs'
>;

/**
 * The provider answered with an error. The message is ours: it may be logged, and Temporal may see it.
 */
export abstract class QbitPayProviderError extends QbitPayError {
  readonly status: number;
  /** What the provider says of it, message and detail. It may name persons and accounts: only an operator reads it. */
  readonly words: string;
  /**
   * True when the answer carried one of the documented error objects. Without one a proxy may have
   * answered, and after a POST the outcome is unknown (contract, section Errors [I]).
   */
  readonly hasErrorObject: boolean;
  /** True when the answer was complete and had no body at all. */
  readonly isEmpty: boolean;
  /** What a `Retry-After` header asked for, in milliseconds from the answer. */
  readonly retryAfterMs: number | undefined;

  constructor(fields: ProviderAnswer) {
    super(fields.operation, `${fields.operation} was refused with HTTP ${fields.status}`);
    this.status = fields.status;
    this.words = fields.words;
    this.hasErrorObject = fields.hasErrorObject;
    this.isEmpty = fields.isEmpty;
    this.retryAfterMs = fields.retryAfterMs;
  }
}

/** Parameters invalid, or (402) valid and refused for good: never retried. */
export class QbitPayInvalidRequestError extends QbitPayProviderError {
  override readonly name = 'QbitPayInvalidRequestError';
}

/** No valid key (401) or a key without the permission (403): an operator is needed. */
export class QbitPayAuthenticationError extends QbitPayProviderError {
  override readonly name = 'QbitPayAuthenticationError';
}

/** Too many requests: retried after `retryAfterMs`, or a backoff where the provider named no time. */
export class QbitPayRateLimitError extends QbitPayProviderError {
  override readonly name = 'QbitPayRateLimitError';
}

/** Anything else. Reads are retried with backoff; with status 402 the request was understood and refused. */
export class QbitPayApiError extends QbitPayProviderError {
  override readonly name = 'QbitPayApiError';
}

/** No complete answer came. */
export class QbitPayConnectionError extends QbitPayError {
  override readonly name = 'QbitPayConnectionError';
  /**
   * False only when it is certain that no byte of the request left: DNS look-up, connection or TLS
   * failed, or the deadline of a POST had passed. After a POST `true` means: outcome unknown.
   */
  readonly sent: boolean;
  /** The system's or library's code: `ECONNREFUSED`, `ETIMEDOUT`, `ERR_POST_DEADLINE`, … */
  readonly code: string;

  constructor(operation: string, fields: { sent: boolean; code: string }) {
    const consequence = fields.sent ? 'the request may have been sent' : 'nothing was sent';
    super(operation, `No answer from QbitPay: ${fields.code}, ${consequence}`);
    this.sent = fields.sent;
    this.code = fields.code;
  }
}

/** The key reads an account that is not the engine's: nothing else was asked for. */
export class QbitPayAnotherAccountError extends QbitPayError {
  override readonly name = 'QbitPayAnotherAccountError';

  constructor() {
    super('getAccount', 'The API key reads another account than the engine has worked with');
  }
}

/** What can be wrong with an answer that is not the contract's. */
export const RESPONSE_FLAW = {
  /** The body is no JSON text. */
  NOT_JSON: 'notJson',
  /** The connection ended before the body did. */
  TRUNCATED: 'truncated',
  /** The body exceeds the configured limit; the rest was not read. */
  TOO_LARGE: 'tooLarge',
  /** The content type is not JSON. */
  WRONG_TYPE: 'wrongType',
  /** JSON, but not what the contract describes. */
  UNEXPECTED_SHAPE: 'unexpectedShape',
  /** A 3xx; redirects are never followed, the key would go with them. */
  REDIRECT: 'redirect',
} as const;
export type ResponseFlaw = (typeof RESPONSE_FLAW)[keyof typeof RESPONSE_FLAW];

/** An answer came, but none that the contract describes. After a POST: outcome unknown. */
export class QbitPayResponseError extends QbitPayError {
  override readonly name = 'QbitPayResponseError';
  readonly status: number;
  readonly reason: ResponseFlaw;

  /** @param fields by default of a 200 whose parts make no sense together */
  constructor(
    operation: string,
    fields: { readonly explanation: string; readonly status?: number; readonly reason?: ResponseFlaw },
  ) {
    const { explanation, status = 200, reason = RESPONSE_FLAW.UNEXPECTED_SHAPE } = fields;
    super(operation, `Unusable answer from QbitPay (HTTP ${status}): ${explanation}`);
    this.status = status;
    this.reason = reason;
  }
}

/** What was asked for is no id: empty it would ask for the list, and dots would ask for the parent. Nothing was sent. */
export class QbitPayIdError extends RangeError {
  override readonly name = 'QbitPayIdError';

  constructor() {
    super('an id is not empty, "." or ".."');
  }
}

/** A webhook body that cannot be used, or whose named field cannot. */
export class QbitPayWebhookFormatError extends Error {
  override readonly name = 'QbitPayWebhookFormatError';
  /** Path of the field, for example `data.amount`; `body` when it is no JSON object at all. */
  readonly field: string;

  constructor(field: string) {
    super(`Webhook field not usable: ${field}`);
    this.field = field;
  }
}

export interface ErrorAnswer {
  readonly operation: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The parsed body; undefined when there was none or it was no JSON. */
  readonly body: unknown;
  /** True when there was none, and nothing is missing of it. */
  readonly isEmpty: boolean;
  /** Unix time in milliseconds. */
  readonly nowMs: number;
  /** Taken out of the provider's text, should it quote the key. */
  readonly secrets: readonly string[];
}

/** The one place where an answer with an error status becomes an error (contract, section Errors). */
export function toProviderError(answer: ErrorAnswer): QbitPayProviderError {
  const { operation, status, headers, body, isEmpty, nowMs, secrets } = answer;
  const found = findErrorObject(body);
  const ErrorClass = errorClass(status, found?.type);
  return new ErrorClass({
    operation,
    status,
    words: withoutSecrets([found?.message, found?.detail].filter(Boolean).join('; '), secrets),
    hasErrorObject: found !== undefined,
    isEmpty,
    retryAfterMs: parseRetryAfter(headers['retry-after'], nowMs),
  });
}

/** Paths of what a schema refused; never a value, because values may be personal data. */
export function describeIssues(error: z.ZodError): string {
  const paths = new Set(error.issues.map((issue) => issue.path.join('.') || 'body'));
  return cut([...paths].slice(0, MAX_PATHS).join(', '));
}

const MAX_PATHS = 5;
const MAX_TEXT_LENGTH = 500;

/** By the documented error types (contract, section Errors). */
const ERROR_CLASSES = {
  invalid_request_error: QbitPayInvalidRequestError,
  authentication_error: QbitPayAuthenticationError,
  rate_limit_error: QbitPayRateLimitError,
  api_error: QbitPayApiError,
};

const errorObjectSchema = z.looseObject({
  type: z.literal(Object.keys(ERROR_CLASSES) as (keyof typeof ERROR_CLASSES)[]),
  message: z.string().optional().catch(undefined),
  detail: z.unknown().optional(),
});

function findErrorObject(body: unknown) {
  // [I] The object may come bare or wrapped as { error: … }: both are accepted.
  const wrapped = z.looseObject({ error: errorObjectSchema }).safeParse(body);
  const parsed = wrapped.success ? wrapped.data.error : errorObjectSchema.safeParse(body).data;
  if (parsed === undefined) return undefined;
  const { type, message, detail } = parsed;
  if (detail === undefined || detail === null) return { type, message, detail: undefined };
  return { type, message, detail: typeof detail === 'string' ? detail : JSON.stringify(detail) };
}

/**
 * [I] 429 is a rate limit whatever its body; an answer without an error object is classed by its status.
 * What either means after a POST is the caller's decision, by `hasErrorObject` and `isEmpty`.
 */
function errorClass(status: number, type: keyof typeof ERROR_CLASSES | undefined) {
  if (status === 429) return QbitPayRateLimitError;
  if (type !== undefined) return ERROR_CLASSES[type];
  if (status >= 500) return QbitPayApiError;
  return status === 401 || status === 403 ? QbitPayAuthenticationError : QbitPayInvalidRequestError;
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  const cleaned = secrets.reduce((cleaner, secret) => cleaner.replaceAll(secret, '[secret]'), text);
  // PostgreSQL takes no NUL, and no halves of characters.
  return cut(cleaned.replaceAll(/[\p{Cc}\p{Cs}]/gu, ' '));
}

function cut(text: string): string {
  return text.length <= MAX_TEXT_LENGTH ? text : `${text.slice(0, MAX_TEXT_LENGTH)}…`;
}
