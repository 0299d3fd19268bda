import { answer, COMMON_PROBLEMS, INVALID } from './answers.js';
import type { ApiServer } from './api-server.js';
import type { Authentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { toPayout } from './payout-resource.js';
import { listQuery, payoutList } from './schemas.js';
import { refuseUnknownCursor } from './unknown-cursor.js';

interface ListPayoutsDependencies {
  readonly store: ApiStore;
  readonly authentication: Authentication;
}

const SCHEMA = {
  operationId: 'listPayouts',
  summary: 'List payouts, newest first',
  tags: ['payouts'],
  querystring: listQuery,
  response: { 200: answer('A page of payouts.', payoutList), ...INVALID, ...COMMON_PROBLEMS },
};

export function addListPayouts(app: ApiServer, { store, authentication }: ListPayoutsDependencies): void {
  app.route({
    method: 'GET',
    url: '/v1/payouts',
    onRequest: authentication('read'),
    schema: SCHEMA,
    handler: async ({ query }) => {
      const { limit, status, starting_after: startingAfter, ending_before: endingBefore } = query;
      const page = await store.payouts
        .listPayouts({ limit, status, startingAfter, endingBefore })
        .catch(refuseUnknownCursor('payout'));
      return { object: 'list' as const, data: page.payouts.map(toPayout), hasMore: page.hasMore };
    },
  });
}
