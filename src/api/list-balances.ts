import { answer, COMMON_PROBLEMS } from './answers.js';
import type { ApiServer } from './api-server.js';
import type { Authentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { toBalance } from './ledger-resource.js';
import { balanceList } from './ledger-schemas.js';

interface ListBalancesDependencies {
  readonly store: ApiStore;
  readonly authentication: Authentication;
}

const SCHEMA = {
  operationId: 'listBalances',
  summary: 'Whose the money is, by currency',
  tags: ['ledger'],
  response: {
    200: answer('The balances of all currencies, on one page.', balanceList),
    ...COMMON_PROBLEMS,
  },
};

export function addListBalances(app: ApiServer, { store, authentication }: ListBalancesDependencies): void {
  app.route({
    method: 'GET',
    url: '/v1/balances',
    onRequest: authentication('read'),
    schema: SCHEMA,
    handler: async () => {
      const balances = await store.ledger.readBalances();
      return { object: 'list' as const, data: balances.map(toBalance), hasMore: false };
    },
  });
}
