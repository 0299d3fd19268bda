import type { DepositRecord } from '../store/ledger/ledger-records.js';
import { answer, COMMON_PROBLEMS, INVALID, notFound } from './answers.js';
import type { ApiServer } from './api-server.js';
import type { Authentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { toReceivedDeposit } from './deposit-resource.js';
import { depositParams, receivedDeposit } from './deposit-schemas.js';
import { ProblemError } from './problem.js';

interface GetDepositDependencies {
  readonly store: ApiStore;
  readonly authentication: Authentication;
}

const SCHEMA = {
  operationId: 'getDeposit',
  summary: 'Read one deposit',
  description: 'A deposit is there as soon as the provider has shown its money; a notice alone is none.',
  tags: ['deposits'],
  params: depositParams,
  response: {
    200: answer('The deposit, and whose it is.', receivedDeposit),
    ...INVALID,
    ...notFound('deposit'),
    ...COMMON_PROBLEMS,
  },
};

export function addGetDeposit(app: ApiServer, { store, authentication }: GetDepositDependencies): void {
  app.route({
    method: 'GET',
    url: '/v1/deposits/:depositId',
    onRequest: authentication('read'),
    schema: SCHEMA,
    handler: async ({ params }) => toReceivedDeposit(await readDeposit(store, params.depositId)),
  });
}

/** @throws ProblemError 404 for a deposit that is not in the store */
export async function readDeposit(store: ApiStore, depositId: string): Promise<DepositRecord> {
  const deposit = await store.deposits.findDeposit(depositId);
  if (deposit !== undefined) return deposit;
  throw ProblemError.of('DEPOSIT_NOT_FOUND', 'There is no deposit with this depositId.');
}
