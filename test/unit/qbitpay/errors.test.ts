import {
  QbitPayApiError,
  QbitPayAuthenticationError,
  QbitPayInvalidRequestError,
  QbitPayRateLimitError,
  toProviderError,
} from '../../../src/qbitpay/errors.js';

const KEY = 'sk_live_secret';
const asError = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  toProviderError({
    operation: 'createPayout',
    status,
    body,
    isEmpty: body === undefined,
    headers,
    nowMs: 0,
    secrets: [KEY],
  });

test.each([
  [400, 'invalid_request_error', QbitPayInvalidRequestError],
  [402, 'invalid_request_error', QbitPayInvalidRequestError],
  [404, 'invalid_request_error', QbitPayInvalidRequestError],
  [401, 'authentication_error', QbitPayAuthenticationError],
  [403, 'authentication_error', QbitPayAuthenticationError],
  [429, 'rate_limit_error', QbitPayRateLimitError],
  [503, 'rate_limit_error', QbitPayRateLimitError],
  [402, 'api_error', QbitPayApiError],
  [500, 'api_error', QbitPayApiError],
])('%d with %s has its own class', (status, type, ErrorClass) => {
  for (const body of [{ type, message: 'no' }, { error: { type, message: 'no' } }]) {
    const error = asError(status, body);
    expect(error).toBeInstanceOf(ErrorClass);
    expect(error).toMatchObject({
      name: ErrorClass.name,
      operation: 'createPayout',
      status,
      message: 'no',
      hasErrorObject: true,
    });
  }
});

test.each([
  [400, QbitPayInvalidRequestError],
  [404, QbitPayInvalidRequestError],
  [422, QbitPayInvalidRequestError],
  [401, QbitPayAuthenticationError],
  [403, QbitPayAuthenticationError],
  [429, QbitPayRateLimitError],
  [500, QbitPayApiError],
  [502, QbitPayApiError],
  [504, QbitPayApiError],
])('%d without a documented error object is classed by its status', (status, ErrorClass) => {
  for (const body of [
    undefined,
    null,
    'gone',
    {},
    { type: 'gateway_error', message: 'no' },
    { error: 'no' },
  ]) {
    const error = asError(status, body);
    expect(error).toBeInstanceOf(ErrorClass);
    expect(error.hasErrorObject).toBe(false);
  }
});

test('429 is a rate limit whatever its error object says', () => {
  const error = asError(429, { type: 'api_error', message: 'slow down' });
  expect(error).toBeInstanceOf(QbitPayRateLimitError);
  expect(error.hasErrorObject).toBe(true);
});

test('detail is kept as text, whatever it is', () => {
  const type = 'invalid_request_error';
  expect(asError(400, { type, message: 'no', detail: 'amount' }).detail).toBe('amount');
  expect(asError(400, { type, message: 'no', detail: { field: 'amount' } }).detail).toBe(
    '{"field":"amount"}',
  );
  expect(asError(400, { type, message: 'no', detail: null }).detail).toBeUndefined();
  expect(asError(400, { type, message: 'no' }).detail).toBeUndefined();
});

test('a key that the provider quotes is taken out, and long text is cut', () => {
  const error = asError(401, {
    type: 'authentication_error',
    message: `no such key: ${KEY}`,
    detail: `${KEY} ${'x'.repeat(10_000)}`,
  });
  expect(error.message).toBe('no such key: [secret]');
  expect(error.detail).not.toContain(KEY);
  expect(error.detail?.length).toBeLessThan(600);
});

test('Retry-After is read from the headers of any error', () => {
  expect(asError(503, undefined, { 'retry-after': '3' }).retryAfterMs).toBe(3_000);
  expect(asError(429, undefined, { 'retry-after': 'soon' }).retryAfterMs).toBeUndefined();
  expect(asError(429, undefined).retryAfterMs).toBeUndefined();
});
