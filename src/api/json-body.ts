import type { FastifyRequest } from 'fastify';
import type { ApiServer } from './api-server.js';
import { ProblemError } from './problem.js';

/**
 * JSON is the only body the API reads. An empty one counts as none, because clients send the header with a
 * POST that has nothing to say; bytes that are not UTF-8 are refused, because replacing them would change a
 * beneficiary's name.
 */
export function readJsonBodiesOnly(app: ApiServer): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (request: FastifyRequest, body: Buffer, done: (error: Error | null, body?: unknown) => void) => {
      const text = decodeUtf8(body);
      if (text === undefined) done(ProblemError.of('BAD_REQUEST', 'The body is not UTF-8.'));
      else if (text === '') done(null, undefined);
      else void parseJson(request, text, done);
    },
  );
}

function decodeUtf8(body: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return undefined;
  }
}
