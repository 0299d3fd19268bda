import type { FastifySchema } from 'fastify';
import { z } from 'zod';
import type { FailureType } from '../domain/failure-type.js';
import type { FieldProblem } from '../domain/field-problems.js';
import { namedObject } from './schemas.js';

/** Every kind of error answer (RFC 9457); a payout that was rejected is answered with its failure type instead. */
export const PROBLEMS = {
  VALIDATION_FAILED: { status: 400, title: 'The request is not valid' },
  BAD_REQUEST: { status: 400, title: 'The request cannot be read' },
  UNAUTHENTICATED: { status: 401, title: 'No valid key' },
  SCOPE_MISSING: { status: 403, title: 'The key may not do this' },
  HOST_REFUSED: { status: 403, title: 'Only local requests are allowed' },
  FORBIDDEN: { status: 403, title: 'Not allowed' },
  PAYOUT_NOT_FOUND: { status: 404, title: 'No such payout' },
  BRAKE_NOT_FOUND: { status: 404, title: 'No such brake' },
  DEPOSIT_NOT_FOUND: { status: 404, title: 'No such deposit' },
  ROUTE_NOT_FOUND: { status: 404, title: 'No such path' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This path does not know the method' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request took too long to arrive' },
  CONFLICT: { status: 409, title: 'Not possible in this state' },
  PAYOUT_ID_TAKEN: { status: 409, title: 'The payoutId belongs to another payout' },
  PAYOUT_OPENING: { status: 409, title: 'The payout is not open yet' },
  PAYOUT_ENDED: { status: 409, title: 'The payout has ended' },
  OPERATION_REFUSED: { status: 409, title: 'The operation makes no sense for this payout now' },
  CANCEL_REFUSED: { status: 409, title: 'The payout cannot be cancelled any more' },
  TRANSACTION_DECLARED_ELSEWHERE: { status: 409, title: 'Another payout declared the transaction' },
  NO_DEPOSIT_EXPECTED: { status: 409, title: 'The payout expects no deposit' },
  DEPOSIT_ASSIGNED: { status: 409, title: 'The deposit was given elsewhere' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  URL_TOO_LONG: { status: 414, title: 'The path is too long' },
  MEDIA_TYPE_UNSUPPORTED: { status: 415, title: 'The body is not JSON' },
  ADJUSTMENT_REFUSED: { status: 422, title: 'The ledger cannot be adjusted so' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'The key was used for something else' },
  DEPOSIT_MISSING: { status: 422, title: 'The deposit is not there any more' },
  ASSIGNMENT_REFUSED: { status: 422, title: 'The deposit cannot be given so' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The headers are too large' },
  INTERNAL: { status: 500, title: 'The engine failed' },
  UNAVAILABLE: { status: 503, title: 'A part of the engine does not answer' },
  NOT_READY: { status: 503, title: 'Not ready' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;
export type ProblemName = keyof typeof PROBLEMS;

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';
const PAYOUT_REJECTED = { status: 422, title: 'The payout was rejected' };

interface ProblemExtras {
  readonly errors?: readonly FieldProblem[];
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * An error answer. Thrown by whoever handles a request and turned into problem+json in one place; the detail
 * is shown to the caller. A failure type says what kept a payout from being opened.
 */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemName | FailureType;
  readonly status: number;
  readonly title: string;
  readonly errors: readonly FieldProblem[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ProblemName | FailureType, detail: string, { errors, headers = {} }: ProblemExtras = {}) {
    super(detail);
    const { status, title } = code in PROBLEMS ? PROBLEMS[code as ProblemName] : PAYOUT_REJECTED;
    this.code = code;
    this.status = status;
    this.title = title;
    this.errors = errors;
    this.headers = headers;
  }
}

/** For a problem that may be over after so many seconds. */
export function retryAfter(seconds: number) {
  return { headers: { 'retry-after': String(seconds) } };
}

const problem = namedObject('Problem', {
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string(),
  code: z.string().describe('For programs: the kind of problem, or the failure type of a payout.'),
  requestId: z.string(),
  errors: z
    .array(z.object({ field: z.string(), message: z.string() }))
    .optional()
    .describe('Every field that is wrong.'),
});

/** `url` is the request's; its query is left out of the answer. */
export function toProblemBody(
  { code, status, title, message: detail, errors }: ProblemError,
  request: { readonly url: string; readonly id: string },
): z.output<typeof problem> {
  const [instance = ''] = request.url.split('?');
  const type = `urn:problem-type:qbitpay-payouts:${code.toLowerCase().replaceAll('_', '-')}`;
  const body = { type, title, status, detail, instance, code, requestId: request.id };
  return errors === undefined ? body : { ...body, errors: [...errors] };
}

/** One documented error answer of a route. */
export function problemAnswer(description: string) {
  return { description, content: { [PROBLEM_CONTENT_TYPE]: { schema: problem } } };
}

/** What every route with a key can answer, beside what it documents itself. */
const COMMON_PROBLEMS = {
  401: problemAnswer('No key, or one that is not known.'),
  403: problemAnswer('The key lacks the scope; or no keys are set and the request is not local.'),
  500: problemAnswer('The engine failed.'),
  503: problemAnswer(
    'The database or Temporal does not answer (see Retry-After). It is not known whether the request took effect: repeat it, with the same ids.',
  ),
};

const INPUT_PROBLEMS = {
  400: problemAnswer('The request is not valid; errors names every field that is wrong.'),
};

const BODY_PROBLEMS = {
  413: problemAnswer('The body is larger than this call accepts.'),
  415: problemAnswer('The body is not JSON.'),
};

/** What a route with this schema can answer, with what it documents itself. */
export function withCommonProblems(schema: FastifySchema): FastifySchema {
  const { body, params, querystring, response } = schema;
  return {
    ...schema,
    response: {
      ...COMMON_PROBLEMS,
      ...((body ?? params ?? querystring) === undefined ? {} : INPUT_PROBLEMS),
      ...(body === undefined ? {} : BODY_PROBLEMS),
      ...(response as object),
    },
  };
}
