/**
 * The provider's error answers (contract, "Errors"): a status and a body `{ type, message, detail? }`.
 */
export const ERROR_TYPES = [
  'invalid_request_error',
  'authentication_error',
  'rate_limit_error',
  'api_error',
] as const;
export type ErrorType = (typeof ERROR_TYPES)[number];

/** Thrown by whatever serves a request, turned into the answer by the routes; `field` is shown to control calls. */
export class ProviderError extends Error {
  readonly status: number;
  readonly type: ErrorType;
  readonly field: string | undefined;
  readonly detail: string | undefined;

  constructor(
    status: number,
    type: ErrorType,
    message: string,
    more: { field?: string; detail?: string } = {},
  ) {
    super(message);
    this.name = 'ProviderError';
    this.status = status;
    this.type = type;
    this.field = more.field;
    this.detail = more.detail;
  }

  /** The body of the answer; the detail only when there is one. */
  body(): { type: ErrorType; message: string; detail?: string } {
    const { type, message, detail } = this;
    return { type, message, ...(detail === undefined ? {} : { detail }) };
  }
}

/** 400: a parameter is missing or wrong. The message names the field and never repeats its value. */
export function badRequest(message: string, field?: string): ProviderError {
  return new ProviderError(400, 'invalid_request_error', message, field === undefined ? {} : { field });
}

/** 404: no such object. */
export function notFound(what: string): ProviderError {
  return new ProviderError(404, 'invalid_request_error', `no such ${what}`);
}

/** 402: understood and refused, nothing was done [I]. */
export function insufficientBalance(currency: string, detail: string): ProviderError {
  return new ProviderError(402, 'api_error', `insufficient ${currency} balance`, { detail });
}
