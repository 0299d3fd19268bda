import type { FailureType } from '../domain/failure-type.js';
import type { FieldProblem } from '../domain/field-problems.js';

/** Every kind of error answer (RFC 9457); a payout that was rejected is answered with its failure type instead. */
export const PROBLEMS = {
  VALIDATION_FAILED: { status: 400, title: 'The request is not valid' },
  BAD_REQUEST: { status: 400, title: 'The request cannot be read' },
  UNAUTHENTICATED: { status: 401, title: 'No valid key' },
  SCOPE_MISSING: { status: 403, title: 'The key may not do this' },
  HOST_REFUSED: { status: 403, title: 'Only local requests are allowed' },
  FORBIDDEN: { status: 403, title: 'Not allowed' },
  PAYOUT_NOT_FOUND: { status: 404, title: 'No such payout' },
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
  ASSIGNMENT_REFUSED: { status: 422, title: 'The deposit cannot be given so' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The headers are too large' },
  INTERNAL: { status: 500, title: 'The engine failed' },
  UNAVAILABLE: { status: 503, title: 'A part of the engine does not answer' },
  NOT_READY: { status: 503, title: 'Not ready' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;
export type ProblemName = keyof typeof PROBLEMS;

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';
const REJECTED = { status: 422, title: 'The payout was rejected' };

interface ProblemExtras {
  readonly errors?: readonly FieldProblem[];
  /** Headers of the answer, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * An error answer. Thrown by whoever handles a request and turned into problem+json in one place; the detail
 * is shown to the caller.
 */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemName | FailureType;
  readonly status: number;
  readonly title: string;
  readonly errors: readonly FieldProblem[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  private constructor(
    code: ProblemName | FailureType,
    kind: { readonly status: number; readonly title: string },
    detail: string,
    { errors, headers = {} }: ProblemExtras,
  ) {
    super(detail);
    this.code = code;
    this.status = kind.status;
    this.title = kind.title;
    this.errors = errors;
    this.headers = headers;
  }

  static of(name: ProblemName, detail: string, extras: ProblemExtras = {}): ProblemError {
    return new ProblemError(name, PROBLEMS[name], detail, extras);
  }

  /** The answer for a payout that ended as `rejected`: what kept it from being opened, and what to do. */
  static rejected(type: FailureType, detail: string): ProblemError {
    return new ProblemError(type, REJECTED, detail, {});
  }
}

/** The members of a problem+json body. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: string;
  readonly requestId: string;
  readonly errors?: readonly FieldProblem[];
}

/** `url` is the request's; its query is left out of the answer. */
export function toProblemBody(
  problem: ProblemError,
  request: { readonly url: string; readonly id: string },
): ProblemBody {
  const { code, status, title, message: detail, errors } = problem;
  const [instance = ''] = request.url.split('?');
  const type = `urn:problem-type:qbitpay-payouts:${code.toLowerCase().replaceAll('_', '-')}`;
  return {
    type,
    title,
    status,
    detail,
    instance,
    code,
    requestId: request.id,
    ...(errors === undefined ? {} : { errors }),
  };
}
