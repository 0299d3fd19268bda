import type { ConnectionError, FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  type ZodFastifySchemaValidationError,
} from 'fastify-type-provider-zod';
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FieldProblem } from '../domain/field-problems.js';
import { isOutage } from './outage.js';
import {
  PROBLEM_CONTENT_TYPE,
  ProblemError,
  retryAfter,
  toProblemBody,
  type ProblemName,
} from './problem.js';

/** An outage is mostly a restart or a failover; both take seconds. */
const OUTAGE_RETRY_AFTER_SECONDS = 2;

/** What an error with a status, of the framework or of another room, is answered with. */
const PROBLEMS_BY_STATUS: Readonly<Record<number, readonly [ProblemName, string]>> = {
  400: ['BAD_REQUEST', 'The request cannot be read: the body must be JSON and the URL well-formed.'],
  401: ['UNAUTHENTICATED', 'The request is not authenticated.'],
  403: ['FORBIDDEN', 'The request is not allowed.'],
  404: ['ROUTE_NOT_FOUND', 'There is nothing here.'],
  405: ['METHOD_NOT_ALLOWED', 'The method is not known here.'],
  408: ['REQUEST_TIMEOUT', 'The request did not arrive in time.'],
  409: ['CONFLICT', 'The request is not possible in this state.'],
  413: ['BODY_TOO_LARGE', 'The body is larger than is accepted.'],
  414: ['URL_TOO_LONG', 'The path is longer than is accepted.'],
  415: ['MEDIA_TYPE_UNSUPPORTED', 'Send the body as application/json.'],
  431: ['HEADERS_TOO_LARGE', 'The headers are larger than is accepted.'],
  503: ['UNAVAILABLE', 'A part of the engine does not answer.'],
};

/** The one place where a thrown error becomes an answer. What is not the caller's fault shows no internals. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error, request);
  if (problem.status >= 500) request.log.error({ err: error }, problem.title);
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type(PROBLEM_CONTENT_TYPE)
    .send(JSON.stringify(toProblemBody(problem, request)));
}

function toProblem(error: unknown, request: FastifyRequest): ProblemError {
  if (error instanceof ProblemError) return error;
  // An upload that its sender broke off looks like a broken connection of ours, but for the status.
  if (isOutage(error) && statusOf(error) >= 500) return outage(request);
  if (hasZodFastifySchemaValidationErrors(error)) {
    return new ProblemError('VALIDATION_FAILED', 'Nothing was changed.', {
      errors: error.validation.flatMap(toFieldProblems),
    });
  }
  const [name, detail] = PROBLEMS_BY_STATUS[statusOf(error)] ?? [
    'INTERNAL',
    'The engine failed; see its log.',
  ];
  return new ProblemError(name, ownWords(error) ?? detail);
}

function outage(request: FastifyRequest): ProblemError {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const detail = isRead
    ? 'The database or Temporal does not answer: try again.'
    : 'The database or Temporal does not answer; it is not known whether the request took effect. Repeat the same request, with the same ids.';
  return new ProblemError('UNAVAILABLE', detail, retryAfter(OUTAGE_RETRY_AFTER_SECONDS));
}

function toFieldProblems(issue: ZodFastifySchemaValidationError): FieldProblem[] {
  const { keyword, instancePath, message, params } = issue;
  const path = instancePath.split('/').filter((part) => part !== '');
  if (keyword === 'unrecognized_keys' && Array.isArray(params['keys'])) {
    return params['keys'].map((key) => ({
      field: [...path, String(key).slice(0, 64)].join('.'),
      message: 'is not a known field',
    }));
  }
  return [{ field: path.join('.'), message: message ?? 'is not valid' }];
}

function statusOf(error: unknown): number {
  const { statusCode } = Object(error) as Partial<FastifyError>;
  return typeof statusCode === 'number' ? statusCode : 500;
}

/**
 * The message of an error that another room threw for its caller. The framework's own messages repeat parts
 * of what was sent, and those of failures show internals.
 */
function ownWords(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof SyntaxError || statusOf(error) >= 500) return undefined;
  const { code } = error as Partial<FastifyError>;
  return code?.startsWith('FST_') ? undefined : error.message;
}

/** Answers what is no HTTP and so never becomes a request: there is only the socket. */
export function answerClientError(error: ConnectionError, socket: Socket): void {
  if (error.code !== 'ECONNRESET' && socket.writable) {
    const status = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 }[error.code] ?? 400;
    const [name, detail] = PROBLEMS_BY_STATUS[status] ?? ['BAD_REQUEST', ''];
    const problem = toProblemBody(new ProblemError(name, detail), { url: '', id: randomUUID() });
    const body = JSON.stringify(problem);
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Connection: close',
      `Content-Type: ${PROBLEM_CONTENT_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ].join('\r\n');
    socket.write(`${head}\r\n\r\n${body}`);
  }
  socket.destroy();
}
