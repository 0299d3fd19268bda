import { normaliseTransactionHash } from '../domain/identifiers.js';
import type { DepositGateway } from '../temporal/deposit-gateway.js';
import { answer, BODY_PROBLEMS, COMMON_PROBLEMS, INVALID } from './answers.js';
import type { ApiServer } from './api-server.js';
import type { Authentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { toReceivedDeposit, toUnverifiedDeposit } from './deposit-resource.js';
import { receivedDeposit, recordDepositBody, unverifiedDeposit } from './deposit-schemas.js';

interface RecordDepositDependencies {
  readonly store: ApiStore;
  readonly deposits: DepositGateway;
  readonly authentication: Authentication;
}

const SCHEMA = {
  operationId: 'recordDeposit',
  summary: 'Tell of a deposit whose notice never came',
  description:
    'The engine reads at the provider whether its money is there before it believes it. Can be repeated.',
  tags: ['deposits'],
  body: recordDepositBody,
  response: {
    200: answer('The deposit of this transaction, as the store has it already.', receivedDeposit),
    202: answer('Told: it is there as soon as the provider shows its money.', unverifiedDeposit),
    ...INVALID,
    ...BODY_PROBLEMS,
    ...COMMON_PROBLEMS,
  },
};

export function addRecordDeposit(app: ApiServer, dependencies: RecordDepositDependencies): void {
  const { store, deposits, authentication } = dependencies;
  app.route({
    method: 'POST',
    url: '/v1/deposits',
    onRequest: authentication('operate'),
    schema: SCHEMA,
    handler: async ({ body: { currency, amount, ...body } }, reply) => {
      const txHash = normaliseTransactionHash(body.txHash);
      const [known] = await store.deposits.findDepositsOfTransaction(txHash);
      if (known !== undefined) return toReceivedDeposit(known);
      const told = { txHash, currency, amount };
      const { depositId } = await deposits.record(told);
      return (
        reply
          .code(202)
          // The key of a deposit without an id of the provider holds nothing that a path would have to escape.
          .header('location', `/v1/deposits/${depositId}`)
          .send(toUnverifiedDeposit(depositId, told))
      );
    },
  });
}
