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

/** @throws QbitPayResponseError `wrongType`, `notJson` */
export function readJson(answer: Answer): unknown {
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

/** @throws QbitPayResponseError `unexpectedShape`, naming paths and no values */
export function readShape<T>(answer: Answer, json: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw unusable(
    answer,
    RESPONSE_FLAW.UNEXPECTED_SHAPE,
    `not the contract's at ${describeIssues(parsed.error)}`,
  );
}

function unusable(answer: Answer, reason: ResponseFlaw, explanation: string): QbitPayResponseError {
  return new QbitPayResponseError(answer.operation, { status: answer.status, reason, explanation });
}
