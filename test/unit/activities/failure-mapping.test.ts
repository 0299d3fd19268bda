import {
  classifyPostError,
  classifyReadError,
  toReadFailure,
  type PostVerdict,
} from '../../../activities/failure-mapping.js';
import { FAILURE_KIND, FAILURES } from '../../../src/domain/failure-type.js';
import {
  QbitPayConnectionError,
  QbitPayResponseError,
  RESPONSE_FLAW,
  toProviderError,
  type QbitPayError,
} from '../../../src/qbitpay/errors.js';

const INVALID_REQUEST = 'invalid_request_error';
const AUTHENTICATION = 'authentication_error';
const RATE_LIMIT = 'rate_limit_error';
const API = 'api_error';
const ERROR_TYPES = [INVALID_REQUEST, AUTHENTICATION, RATE_LIMIT, API];

/** An answer as it comes from the wire: its status, and the type of its error object if it carries one. */
interface Answer {
  readonly status: number;
  readonly type?: string;
  /** A body that is no error object: a proxy's page, or half of one. */
  readonly hasOtherBody?: boolean;
  readonly retryAfterSeconds?: number;
}

function errorOf(answer: Answer, operation = 'getPayout'): QbitPayError {
  const { status, type, hasOtherBody = false, retryAfterSeconds } = answer;
  return toProviderError({
    operation,
    status,
    headers: retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) },
    body: type === undefined ? undefined : { type, message: 'the reason' },
    isEmpty: type === undefined && !hasOtherBody,
    nowMs: Date.now(),
    secrets: [],
  });
}

const describeAnswer = ({ status, type, hasOtherBody }: Answer): string =>
  `${status} ${type ?? (hasOtherBody ? 'with another body' : 'without a body')}`;

const CLIENT_STATUSES = [400, 402, 403, 404, 409, 422, 499];
/** The contract names 400 to 404. */
const UNDOCUMENTED_STATUSES = [408, 409, 422, 499];
const DOCUMENTED_STATUSES = CLIENT_STATUSES.filter((status) => !UNDOCUMENTED_STATUSES.includes(status));
const SERVER_STATUSES = [500, 502, 503, 504];

describe('reads', () => {
  const cases: [Answer, string, boolean][] = [
    ...[401, 403].flatMap((status): [Answer, string, boolean][] => [
      [{ status }, 'AUTHENTICATION_REFUSED', false],
      [{ status, hasOtherBody: true }, 'AUTHENTICATION_REFUSED', false],
    ]),
    ...[400, 401, 402, 403, 500].map((status): [Answer, string, boolean] => [
      { status, type: AUTHENTICATION },
      'AUTHENTICATION_REFUSED',
      false,
    ]),
    [{ status: 429 }, 'RATE_LIMITED', true],
    ...ERROR_TYPES.map((type): [Answer, string, boolean] => [{ status: 429, type }, 'RATE_LIMITED', true]),
    [{ status: 400, type: RATE_LIMIT }, 'RATE_LIMITED', true],
    [{ status: 503, type: RATE_LIMIT }, 'RATE_LIMITED', true],
    ...SERVER_STATUSES.flatMap((status): [Answer, string, boolean][] => [
      [{ status }, 'PROVIDER_UNAVAILABLE', true],
      [{ status, type: API }, 'PROVIDER_UNAVAILABLE', true],
    ]),
    [{ status: 402, type: API }, 'PROVIDER_UNAVAILABLE', true],
    // Asking again at once is no use; the workflow shows it and asks later.
    ...[400, 402, 404, 405, 422].flatMap((status): [Answer, string, boolean][] => [
      [{ status }, 'PROVIDER_UNAVAILABLE', false],
      [{ status, type: INVALID_REQUEST }, 'PROVIDER_UNAVAILABLE', false],
    ]),
    [{ status: 403, type: INVALID_REQUEST }, 'PROVIDER_UNAVAILABLE', false],
    [{ status: 500, type: INVALID_REQUEST }, 'PROVIDER_UNAVAILABLE', false],
  ];

  test.each(cases.map(([answer, ...rest]) => [describeAnswer(answer), answer, ...rest] as const))(
    '%s',
    (_name, answer, type, retryable) => {
      const error = errorOf(answer);
      expect(classifyReadError(error)).toEqual({ type, retryable, retryAfterMs: undefined });
      expect(toReadFailure(error)).toMatchObject({ type, nonRetryable: !retryable });
    },
  );

  test.each<[string, QbitPayError]>([
    ['nothing was sent', new QbitPayConnectionError('getPayout', { sent: false, code: 'ECONNREFUSED' })],
    ['no answer came', new QbitPayConnectionError('getPayout', { sent: true, code: 'ETIMEDOUT' })],
    ...Object.values(RESPONSE_FLAW).map((reason): [string, QbitPayError] => [
      reason,
      flawedAnswer('getPayout', reason),
    ]),
  ])('repeated: %s', (_name, error) => {
    expect(classifyReadError(error)).toEqual({
      type: 'PROVIDER_UNAVAILABLE',
      retryable: true,
      retryAfterMs: undefined,
    });
  });

  test('Retry-After is the pause of the next attempt, and is told to the workflow for its own', () => {
    const failure = toReadFailure(errorOf({ status: 429, type: RATE_LIMIT, retryAfterSeconds: 7 }));
    expect(failure.nextRetryDelay).toBe(7_000);
    expect(failure.details).toEqual([{ retryAfterMs: 7_000 }]);
    const without = toReadFailure(errorOf({ status: 429 }));
    expect(without.nextRetryDelay).toBeUndefined();
    expect(without.details).toBeUndefined();
  });

  test('“again at once” is the shortest pause that there is: Temporal takes none for “never again”', () => {
    const failure = toReadFailure(errorOf({ status: 429, type: RATE_LIMIT, retryAfterSeconds: 0 }));
    expect(failure.nextRetryDelay).toBe(1);
    expect(failure.details).toEqual([{ retryAfterMs: 1 }]);
  });

  test('every type that a read can end in is one that the payout waits for', () => {
    for (const [answer] of cases) {
      expect(FAILURES[classifyReadError(errorOf(answer)).type].kind).toBe(FAILURE_KIND.WAITING);
    }
  });

  test('what crosses to Temporal names operation and status, never the provider’s words', () => {
    const { message } = toReadFailure(errorOf({ status: 402, type: API }, 'getAccount'));
    expect(message).toBe('PROVIDER_UNAVAILABLE: getAccount got no usable answer (HTTP 402)');
    const unanswered = new QbitPayConnectionError('getAccount', { sent: true, code: 'ETIMEDOUT' });
    expect(toReadFailure(unanswered).message).toBe('PROVIDER_UNAVAILABLE: getAccount got no usable answer');
  });
});

const UNKNOWN: PostVerdict = { kind: 'unknown' };
const INVALID: PostVerdict = { kind: 'invalid' };
const REFUSED: PostVerdict = { kind: 'refused' };
const PRICE_REFUSED: PostVerdict = { kind: 'priceRefused' };
const retryLater = (reason: 'AUTHENTICATION_REFUSED' | 'RATE_LIMITED', afterMs = 0): PostVerdict => ({
  kind: 'retryLater',
  reason,
  afterMs,
});

describe('requests that move money', () => {
  const both: [Answer, PostVerdict][] = [
    ...[401, 403].map((status): [Answer, PostVerdict] => [{ status }, retryLater('AUTHENTICATION_REFUSED')]),
    ...[400, 401, 402, 403].map((status): [Answer, PostVerdict] => [
      { status, type: AUTHENTICATION },
      retryLater('AUTHENTICATION_REFUSED'),
    ]),
    ...ERROR_TYPES.map((type): [Answer, PostVerdict] => [{ status: 429, type }, retryLater('RATE_LIMITED')]),
    [{ status: 400, type: RATE_LIMIT }, retryLater('RATE_LIMITED')],
    [{ status: 429, type: RATE_LIMIT, retryAfterSeconds: 3 }, retryLater('RATE_LIMITED', 3_000)],
    // A proxy may have said it after the provider had taken the request.
    [{ status: 429 }, UNKNOWN],
    [{ status: 429, retryAfterSeconds: 3 }, UNKNOWN],
    ...[401, ...CLIENT_STATUSES, 429, ...SERVER_STATUSES].map((status): [Answer, PostVerdict] => [
      { status, hasOtherBody: true },
      UNKNOWN,
    ]),
    ...SERVER_STATUSES.flatMap((status): [Answer, PostVerdict][] => [
      [{ status }, UNKNOWN],
      ...ERROR_TYPES.map((type): [Answer, PostVerdict] => [{ status, type }, UNKNOWN]),
    ]),
    ...CLIENT_STATUSES.filter((status) => status !== 403).map((status): [Answer, PostVerdict] => [
      { status },
      UNKNOWN,
    ]),
    ...DOCUMENTED_STATUSES.map((status): [Answer, PostVerdict] => [
      { status, type: API },
      status === 402 ? REFUSED : UNKNOWN,
    ]),
    // Not documented: somebody else may have said it, after the effect.
    ...UNDOCUMENTED_STATUSES.flatMap((status) =>
      ERROR_TYPES.map((type): [Answer, PostVerdict] => [{ status, type }, UNKNOWN]),
    ),
    ...DOCUMENTED_STATUSES.filter((status) => status !== 402).map((status): [Answer, PostVerdict] => [
      { status, type: INVALID_REQUEST },
      INVALID,
    ]),
  ];
  const named = (cases: readonly [Answer, PostVerdict][]) =>
    cases.map(([answer, verdict]) => [describeAnswer(answer), answer, verdict] as const);

  describe.each(['order', 'payout'] as const)('%s', (operation) => {
    test.each(named(both))('%s', (_name, answer, verdict) => {
      expect(classifyPostError(operation, errorOf(answer, operation))).toEqual(verdict);
    });

    test('a connection that never stood: nothing was sent', () => {
      const error = new QbitPayConnectionError(operation, { sent: false, code: 'ECONNREFUSED' });
      expect(classifyPostError(operation, error)).toEqual({ kind: 'notSent' });
    });

    test.each<[string, unknown]>([
      ['a connection that broke', new QbitPayConnectionError(operation, { sent: true, code: 'ECONNRESET' })],
      ...Object.values(RESPONSE_FLAW).map((reason): [string, unknown] => [
        reason,
        flawedAnswer(operation, reason),
      ]),
      ['an error of the engine’s own', new TypeError('a bug')],
      ['something that is no error', 'a bug'],
    ])('unknown: %s', (_name, error) => {
      expect(classifyPostError(operation, error)).toEqual(UNKNOWN);
    });
  });

  test('402 invalid_request_error is a price no longer valid for an order, and final for a payout', () => {
    const answer = { status: 402, type: INVALID_REQUEST };
    expect(classifyPostError('order', errorOf(answer))).toEqual(PRICE_REFUSED);
    expect(classifyPostError('payout', errorOf(answer))).toEqual(INVALID);
  });
});

function flawedAnswer(operation: string, reason: (typeof RESPONSE_FLAW)[keyof typeof RESPONSE_FLAW]) {
  return new QbitPayResponseError(operation, { status: 200, reason, explanation: reason });
}
