import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import { parseDecimalJson } from './decimal-json.js';
import { describeIssues, QbitPayResponseError, RESPONSE_FLAW, type ResponseFlaw } from './errors.js';

/** A complete 2xx answer, not yet read. */
export interface Answer {
  readonly operation: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

const JSON_MEDIA_TYPE = /^application\/(?:[\w.+-]+\+)?json(?:\s*;|$)/i;

/**
 * @throws QbitPayResponseError `wrongType`, `notJson`, or `unexpectedShape`, which names paths and no values
 */
export function readAnswer<T>(answer: Answer, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(readJson(answer));
  if (parsed.success) return parsed.data;
  const explanation = `not the contract's at ${describeIssues(parsed.error)}`;
  throw unusable(answer, RESPONSE_FLAW.UNEXPECTED_SHAPE, explanation);
}

function readJson(answer: Answer): unknown {
  if (!JSON_MEDIA_TYPE.test(answer.headers['content-type']?.trim() ?? '')) {
    throw unusable(answer, RESPONSE_FLAW.WRONG_TYPE, 'the content type is not JSON');
  }
  try {
    return parseDecimalJson(answer.body);
  } catch {
    // The parser's message quotes the body.
    throw unusable(answer, RESPONSE_FLAW.NOT_JSON, 'the body is not a JSON text');
  }
}

function unusable(answer: Answer, reason: ResponseFlaw, explanation: string): QbitPayResponseError {
  return new QbitPayResponseError(answer.operation, { status: answer.status, reason, explanation });
}
