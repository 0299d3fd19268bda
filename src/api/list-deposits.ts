import { answer, COMMON_PROBLEMS, INVALID } from './answers.js';
import type { ApiServer } from './api-server.js';
import type { Authentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { toReceivedDeposit } from './deposit-resource.js';
import { depositList, depositListQuery } from './deposit-schemas.js';
import { refuseUnknownCursor } from './unknown-cursor.js';

interface ListDepositsDependencies {
  readonly store: ApiStore;
  readonly authentication: Authentication;
}

const SCHEMA = {
  operationId: 'listDeposits',
  summary: 'List deposits, newest first',
  description: 'With status=unallocated: what waits for a person.',
  tags: ['deposits'],
  querystring: depositListQuery,
  response: { 200: answer('A page of deposits.', depositList), ...INVALID, ...COMMON_PROBLEMS },
};

export function addListDeposits(app: ApiServer, { store, authentication }: ListDepositsDependencies): void {
  app.route({
    method: 'GET',
    url: '/v1/deposits',
    onRequest: authentication('read'),
    schema: SCHEMA,
    handler: async ({ query }) => {
      const { limit, status, starting_after: startingAfter, ending_before: endingBefore } = query;
      const page = await store.deposits
        .listDeposits({ limit, status, startingAfter, endingBefore })
        .catch(refuseUnknownCursor('deposit'));
      return { object: 'list' as const, data: page.deposits.map(toReceivedDeposit), hasMore: page.hasMore };
    },
  });
}
