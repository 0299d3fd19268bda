import { DEPOSIT_STATUS } from '../store/ledger/ledger-records.js';
import { DECLARATION_OUTCOME, type DeclarationOutcome } from '../store/payouts/payout-records.js';
import { normaliseTransactionHash } from '../domain/identifiers.js';
import type { DepositGateway } from '../temporal/deposit-gateway.js';
import type { PayoutGateway } from '../temporal/payout-gateway.js';
import { answer, BODY_PROBLEMS, COMMON_PROBLEMS, conflict, INVALID, notFound } from './answers.js';
import type { ApiServer } from './api-server.js';
import type { Authentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { payoutNotFound } from './get-payout.js';
import { toPayout } from './payout-resource.js';
import { ProblemError } from './problem.js';
import { declareDepositBody, payout, payoutParams } from './schemas.js';

interface DeclareDepositDependencies {
  readonly store: ApiStore;
  readonly payouts: PayoutGateway;
  readonly deposits: DepositGateway;
  readonly authentication: Authentication;
}

const SCHEMA = {
  operationId: 'declareDeposit',
  summary: 'Say which transaction brings the deposit',
  description: 'A transaction belongs to one payout. Can be repeated with the same hash.',
  tags: ['payouts'],
  params: payoutParams,
  body: declareDepositBody,
  response: {
    200: answer('Declared: a deposit of this transaction can only be for this payout.', payout),
    ...INVALID,
    ...notFound('payout'),
    ...conflict(
      'Another payout declared the transaction; or the payout has ended, is not open yet, or expects no deposit.',
    ),
    ...BODY_PROBLEMS,
    ...COMMON_PROBLEMS,
  },
};

export function addDeclareDeposit(app: ApiServer, dependencies: DeclareDepositDependencies): void {
  const { store, authentication } = dependencies;
  app.route({
    method: 'POST',
    url: '/v1/payouts/:payoutId/deposit',
    onRequest: authentication('create'),
    schema: SCHEMA,
    handler: async ({ params: { payoutId }, body, actor }) => {
      const txHash = normaliseTransactionHash(body.txHash);
      const outcome = await store.deposits.declareTransaction({ payoutId, txHash, actor });
      await assertDeclared(outcome, payoutId, dependencies.payouts);
      // It may have come in before anybody said whose it is, and may be on its way to being unallocated at this moment.
      for (const { depositId, status } of await store.deposits.findDepositsOfTransaction(txHash)) {
        if (status !== DEPOSIT_STATUS.ALLOCATED) await dependencies.deposits.matchAgain(depositId);
      }
      const record = await store.payouts.findPayout(payoutId);
      if (record === undefined) throw payoutNotFound();
      return toPayout(record);
    },
  });
}

async function assertDeclared(
  outcome: DeclarationOutcome,
  payoutId: string,
  payouts: PayoutGateway,
): Promise<void> {
  switch (outcome) {
    case DECLARATION_OUTCOME.DECLARED:
      return;
    case DECLARATION_OUTCOME.DECLARED_ELSEWHERE:
      throw ProblemError.of('TRANSACTION_DECLARED_ELSEWHERE', 'A transaction belongs to one payout only.');
    case DECLARATION_OUTCOME.PAYOUT_ENDED:
      throw ProblemError.of('PAYOUT_ENDED', 'The payout has ended; money for it would be unallocated.');
    case DECLARATION_OUTCOME.FUNDED_FROM_BALANCE:
      throw ProblemError.of('NO_DEPOSIT_EXPECTED', 'The payout is paid from the available balance.');
    case DECLARATION_OUTCOME.UNKNOWN_PAYOUT:
      if ((await payouts.findOpening(payoutId)) === undefined) throw payoutNotFound();
      throw ProblemError.of('PAYOUT_OPENING', 'The payout is still opening: repeat the request.', {
        headers: { 'retry-after': '1' },
      });
  }
}
