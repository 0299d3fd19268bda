export type ErrorType = 'invalid_request_error' | 'authentication_error' | 'rate_limit_error' | 'api_error';

/** The provider's error answer (contract, "Errors"). `field` is shown to control calls only. */
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
  body(): { type: ErrorType; message: string; detail: string | undefined } {
    return { type: this.type, message: this.message, detail: this.detail };
  }
}

/** 400: a parameter is missing or wrong. The message names the field and never repeats its value. */
export function badRequest(message: string, field: string): ProviderError {
  return new ProviderError(400, 'invalid_request_error', message, { field });
}

/** 404: no such object. */
export function notFound(what: string): ProviderError {
  return new ProviderError(404, 'invalid_request_error', `no such ${what}`);
}
