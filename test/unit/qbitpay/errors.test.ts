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
      words: 'no',
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

test('K46: what the provider says is kept apart from the message, which may be logged', () => {
  const type = 'invalid_request_error';
  const wordsOf = (detail?: unknown) => asError(400, { type, message: 'LI (4929\u0000)', detail }).words;
  expect(wordsOf('amount')).toBe('LI (4929 ); amount');
  expect(wordsOf({ field: 'amount' })).toBe('LI (4929 ); {"field":"amount"}');
  expect(wordsOf(null)).toBe('LI (4929 )');
  expect(wordsOf()).toBe('LI (4929 )');
  expect(asError(400, { type, message: 'LI' }).message).toBe('createPayout was refused with HTTP 400');
});

test('a key that the provider quotes is taken out, and long text is cut', () => {
  const error = asError(401, {
    type: 'authentication_error',
    message: `no such key: ${KEY}`,
    detail: `${KEY} ${'x'.repeat(10_000)}`,
  });
  expect(error.words).toMatch(/^no such key: \[secret\]; \[secret\] x/);
  expect(error.words).not.toContain(KEY);
  expect(error.words.length).toBeLessThan(600);
});

test('Retry-After is read from the headers of any error', () => {
  expect(asError(503, undefined, { 'retry-after': '3' }).retryAfterMs).toBe(3_000);
  expect(asError(429, undefined, { 'retry-after': 'soon' }).retryAfterMs).toBeUndefined();
  expect(asError(429, undefined).retryAfterMs).toBeUndefined();
});
