import { DEPOSIT_STATUS, type Assignment, type DepositRecord } from '../store/ledger/ledger-records.js';
import type { AssignOutcome, DepositGateway } from '../temporal/deposit-gateway.js';
import { answer, BODY_PROBLEMS, COMMON_PROBLEMS, conflict, INVALID, notFound, rejected } from './answers.js';
import type { ApiServer } from './api-server.js';
import { explainWrongSum, findAssignmentProblems, isAssignedAs } from './assignment.js';
import type { Authentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { toReceivedDeposit } from './deposit-resource.js';
import { assignDepositBody, depositParams, receivedDeposit } from './deposit-schemas.js';
import { readDeposit } from './get-deposit.js';
import { ProblemError } from './problem.js';

interface AssignDepositDependencies {
  readonly store: ApiStore;
  readonly deposits: DepositGateway;
  readonly authentication: Authentication;
}

const SCHEMA = {
  operationId: 'assignDeposit',
  summary: 'Say whose a unallocated deposit is',
  description: 'All of it is given away at once. Can be repeated: the decision is made once.',
  tags: ['deposits'],
  params: depositParams,
  body: assignDepositBody,
  response: {
    200: answer('The deposit is where it was wanted.', receivedDeposit),
    ...INVALID,
    ...notFound('deposit'),
    ...conflict('The deposit was given elsewhere, or nothing waits for a decision about it.'),
    ...rejected('The parts are not all of the deposit, or one of the payouts cannot take its part.'),
    ...BODY_PROBLEMS,
    ...COMMON_PROBLEMS,
  },
};

export function addAssignDeposit(app: ApiServer, dependencies: AssignDepositDependencies): void {
  app.route({
    method: 'POST',
    url: '/v1/deposits/:depositId/assign',
    onRequest: dependencies.authentication('operate'),
    schema: SCHEMA,
    handler: async ({ params: { depositId }, body: { to }, actor }) =>
      toReceivedDeposit(await assignDeposit(dependencies, { depositId, to, actor })),
  });
}

interface AssignmentRequest {
  readonly depositId: string;
  readonly to: Assignment;
  readonly actor: string;
}

async function assignDeposit(
  { store, deposits }: AssignDepositDependencies,
  { depositId, to, actor }: AssignmentRequest,
): Promise<DepositRecord> {
  const before = await readDeposit(store, depositId);
  assertAmountsFit(to, before.currency);
  if (before.status === DEPOSIT_STATUS.ALLOCATED) return assertAssignedAs(to, before);
  const wrongSum = explainWrongSum(to, before);
  if (wrongSum !== undefined) throw ProblemError.of('ASSIGNMENT_REFUSED', wrongSum);

  const outcome = await deposits.assign(depositId, { to, actor });
  const after = await readDeposit(store, depositId);
  if (after.status !== DEPOSIT_STATUS.ALLOCATED) throw notAssigned(outcome);
  // Between the two looks someone else may have decided, and otherwise.
  return assertAssignedAs(to, after);
}

function assertAmountsFit(to: Assignment, currency: string): void {
  const errors = findAssignmentProblems(to, currency);
  if (errors.length === 0) return;
  throw ProblemError.of('VALIDATION_FAILED', 'Nothing was changed.', { errors });
}

function assertAssignedAs(to: Assignment, deposit: DepositRecord): DepositRecord {
  if (isAssignedAs(to, deposit)) return deposit;
  throw ProblemError.of('DEPOSIT_ASSIGNED', 'The deposit was given elsewhere already; read it again.');
}

function notAssigned(outcome: AssignOutcome): Error {
  switch (outcome.kind) {
    case 'assigned':
      return new Error('a deposit was assigned and is not allocated in the store');
    case 'refused':
      return ProblemError.of('ASSIGNMENT_REFUSED', outcome.message);
    case 'unknown':
      return ProblemError.of(
        'CONFLICT',
        'No workflow waits for a decision about this deposit; read it again, and see its workflow in Temporal.',
      );
  }
}
