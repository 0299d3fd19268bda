export type ErrorType = 'invalid_request_error' | 'authentication_error' | 'rate_limit_error' | 'api_error';

/** The provider's error answer (contract, "Errors"). Only control calls show the `field`. */
export class ProviderError extends Error {
  readonly status: number;
  readonly body: { readonly type: ErrorType; readonly message: string; readonly detail: string | undefined };
  readonly field: string | undefined;

  constructor(
    status: number,
    type: ErrorType,
    message: string,
    { field, detail }: { field?: string; detail?: string } = {},
  ) {
    super(message);
    this.status = status;
    this.body = { type, message, detail };
    this.field = field;
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
