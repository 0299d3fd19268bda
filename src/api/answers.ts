import { z } from 'zod';
import { REQUEST_OPERATION } from '../store/schema.js';
import type { ApiServer, RouteDependencies } from './api-server.js';
import { listOf, toList } from './paging.js';
import { NO_SUCH_PAYOUT, readPayout } from './payouts.js';
import { answer, decimal, namedObject, payoutParams, time } from './schemas.js';

const providerAnswer = namedObject('ProviderAnswer', {
  operation: z.enum(REQUEST_OPERATION),
  externalOrderId: z.string().describe('Of the request.'),
  receivedAt: time,
  verdict: z.string().describe('What it was taken for.'),
  httpStatus: z.int().nullable().describe('Of an answer that was no success.'),
  words: z.string().nullable().describe("QbitPay's own words. They may name persons and accounts."),
  providerId: z.string().nullable(),
  namedExternalOrderId: z.string().nullable().describe('What QbitPay named instead of ours.'),
  currency: z.string().nullable(),
  amount: decimal.nullable(),
});

/** A request is answered a few times at most. */
const MOST_LISTED = 100;

const LIST = {
  operationId: 'listProviderAnswers',
  summary: 'What QbitPay answered to the requests of a payout',
  params: payoutParams,
  response: {
    200: answer('Oldest first: at most 100.', listOf('ProviderAnswerList', providerAnswer)),
    404: NO_SUCH_PAYOUT,
  },
};

/** Every other answer and Temporal say a code and words of our own: what QbitPay quotes is for those who decide. */
export function addAnswerRoute(app: ApiServer, { store, authentication }: RouteDependencies): void {
  const onRequest = authentication('operate');
  app.get('/v1/payouts/:payoutId/answers', { onRequest, schema: LIST }, async ({ params: { payoutId } }) => {
    await readPayout(store, payoutId);
    const found = await store.requests.listAnswers(payoutId, MOST_LISTED + 1);
    return toList(found.slice(0, MOST_LISTED), found.length > MOST_LISTED);
  });
}
