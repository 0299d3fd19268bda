import { answer, COMMON_PROBLEMS, INVALID } from './answers.js';
import type { ApiServer } from './api-server.js';
import type { Authentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { toLedgerEntry } from './ledger-resource.js';
import { ledgerEntryList, ledgerQuery } from './ledger-schemas.js';
import { refuseUnknownCursor } from './unknown-cursor.js';

interface ListLedgerDependencies {
  readonly store: ApiStore;
  readonly authentication: Authentication;
}

const SCHEMA = {
  operationId: 'listLedger',
  summary: 'List the entries of the ledger, newest first',
  tags: ['ledger'],
  querystring: ledgerQuery,
  response: { 200: answer('A page of entries.', ledgerEntryList), ...INVALID, ...COMMON_PROBLEMS },
};

export function addListLedger(app: ApiServer, { store, authentication }: ListLedgerDependencies): void {
  app.route({
    method: 'GET',
    url: '/v1/ledger',
    onRequest: authentication('read'),
    schema: SCHEMA,
    handler: async ({ query }) => {
      const { starting_after: startingAfter, ending_before: endingBefore, ...filters } = query;
      const page = await store.ledger
        .listLedgerEntries({ ...filters, startingAfter, endingBefore })
        .catch(refuseUnknownCursor('entry'));
      return { object: 'list' as const, data: page.entries.map(toLedgerEntry), hasMore: page.hasMore };
    },
  });
}
