import type { z } from 'zod';
import { PROBLEM_CONTENT_TYPE } from './problem.js';
import { problem } from './schemas.js';

/** One documented answer of a route; it is checked against its schema before it is sent. */
export function answer<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}

function problemAnswer(description: string) {
  return { description, content: { [PROBLEM_CONTENT_TYPE]: { schema: problem } } };
}

/** What every route with a key can answer, beside what it documents itself. */
export const COMMON_PROBLEMS = {
  401: problemAnswer('No key, or one that is not known.'),
  403: problemAnswer('The key lacks the scope; or no keys are set and the request is not local.'),
  500: problemAnswer('The engine failed.'),
  503: problemAnswer(
    'The database or Temporal does not answer (see Retry-After). It is not known whether the request took effect: repeat it, with the same ids.',
  ),
};

export const BODY_PROBLEMS = {
  413: problemAnswer('The body is larger than 64 KiB.'),
  415: problemAnswer('The body is not JSON.'),
};

export const INVALID = {
  400: problemAnswer('The request is not valid; errors names every field that is wrong.'),
};

export function notFound(thing: 'payout' | 'deposit') {
  return { 404: problemAnswer(`There is no ${thing} with this id.`) };
}

export function conflict(description: string) {
  return { 409: problemAnswer(description) };
}

export function rejected(description: string) {
  return { 422: problemAnswer(description) };
}

export function notReady(description: string) {
  return { 503: problemAnswer(description) };
}
