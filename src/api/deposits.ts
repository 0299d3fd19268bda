import { z } from 'zod';
import type { FieldProblem } from '../domain/field-problems.js';
import { normaliseTransactionHash } from '../domain/identifiers.js';
import {
  addAmounts,
  AMOUNT_PATTERN,
  amountRule,
  atCurrencyScale,
  compareAmounts,
  isPayableAmount,
} from '../domain/money.js';
import type { AssignOutcome } from '../temporal/deposit-gateway.js';
import type { ApiServer, ApiStore, RouteDependencies } from './api-server.js';
import { answerPage, listOf, pageQuery, toListRequest } from './paging.js';
import { BODY_PROBLEMS, INPUT_PROBLEMS, problemAnswer, ProblemError } from './problem.js';
import {
  answer,
  currency,
  decimal,
  depositId,
  failureType,
  namedObject,
  payoutId,
  time,
  txHash,
  withScaledAmount,
} from './schemas.js';
import { DEPOSIT_STATUS } from '../store/schema.js';
import type { Assignment } from '../store/deposits/allocation.js';
import type { DepositRecord } from '../store/deposits/deposit-reading.js';

const MAX_ASSIGNED_PARTS = 100;

const depositParams = z.strictObject({ depositId });

const depositStatus = z
  .enum(DEPOSIT_STATUS)
  .describe(
    "verified: there, and not decided about yet. allocated: given to payouts or to the available balance. unallocated: nobody's, waits for a person.",
  );

const statedAmount = z.string('must be a decimal string, such as "732.150013"').regex(AMOUNT_PATTERN, {
  error: 'must be a positive decimal string without exponent',
  abort: true,
});

const recordDepositBody = z
  .strictObject({
    txHash: txHash.describe('The transaction that brought it.'),
    currency,
    amount: statedAmount.meta({ description: 'What arrived.', examples: ['732.150013'] }),
  })
  .superRefine(({ amount, currency }, context) => {
    if (isPayableAmount(amount, currency)) return;
    context.addIssue({ code: 'custom', path: ['amount'], message: amountRule(currency) });
  })
  .meta({ id: 'RecordDeposit' });

const assignedParts = z
  .array(
    z.strictObject({
      payoutId,
      amount: statedAmount.refine((amount) => compareAmounts(amount, '0') > 0, 'must be above zero'),
    }),
    'must be "available" or a list of { payoutId, amount }',
  )
  .min(1, 'must name at least one payout')
  .max(MAX_ASSIGNED_PARTS, `must name at most ${MAX_ASSIGNED_PARTS} payouts`)
  .superRefine((parts, context) => {
    const named = new Set<string>();
    for (const [index, { payoutId }] of parts.entries()) {
      if (named.has(payoutId)) {
        context.addIssue({ code: 'custom', path: [index, 'payoutId'], message: 'is named twice' });
      }
      named.add(payoutId);
    }
  });

// The error of a union does not say where a list is wrong, or why.
const assignment = z.preprocess(
  (to, context) => {
    if (to === 'available') return to;
    const issues = assignedParts.safeParse(to).error?.issues ?? [];
    context.issues.push(...issues.map((issue) => ({ ...issue, input: to }) as z.core.$ZodRawIssue));
    return to;
  },
  z.union([z.literal('available'), assignedParts]),
);

const assignDepositBody = z
  .strictObject({
    to: assignment.describe(
      '"available": all of it to the available balance. Else parts that add up to the deposit exactly.',
    ),
  })
  .meta({ id: 'AssignDeposit' });

const depositAllocation = namedObject('DepositAllocation', {
  payoutId: z.string().nullable().describe('Null: to the available balance.'),
  amount: decimal,
  matchedBy: z.enum(['declaredTransaction', 'exactAmount', 'person']),
});

/** A deposit whose money the provider has shown. */
const receivedDeposit = namedObject('ReceivedDeposit', {
  depositId: z.string(),
  providerDepositId: z.string().nullable(),
  txHash: z.string().nullable(),
  currency: z.string(),
  amount: decimal,
  address: z.string().nullable(),
  status: depositStatus,
  unallocatedReason: failureType
    .nullable()
    .describe('Why it was unallocated; stays when a person has assigned it.'),
  allocations: z.array(depositAllocation),
  verifiedAt: time,
  decidedAt: time.nullable(),
});

/** A deposit that was only announced. */
const unverifiedDeposit = namedObject('UnverifiedDeposit', {
  depositId: z.string(),
  status: z.literal('unverified'),
  txHash: z.string(),
  currency: z.string(),
  amount: decimal,
});

function toReceivedDeposit(record: DepositRecord): z.output<typeof receivedDeposit> {
  const allocations = record.allocations.map((allocation) => ({
    ...allocation,
    amount: atCurrencyScale(allocation.amount, record.currency),
  }));
  return { ...withScaledAmount(record), allocations };
}

const LIST = {
  operationId: 'listDeposits',
  summary: 'List deposits, newest first',
  description: 'With status=unallocated: what waits for a person.',
  tags: ['deposits'],
  querystring: pageQuery(depositId, 'deposits', { status: depositStatus.optional() }),
  response: {
    200: answer('A page of deposits.', listOf('ReceivedDepositList', receivedDeposit)),
    ...INPUT_PROBLEMS,
  },
};

const RECORD = {
  operationId: 'recordDeposit',
  summary: 'Tell of a deposit whose notice never came',
  description:
    'The engine reads at the provider whether its money is there before it believes it. Can be repeated.',
  tags: ['deposits'],
  body: recordDepositBody,
  response: {
    200: answer('The deposit of this transaction, as the store has it already.', receivedDeposit),
    202: answer('Told: it is there as soon as the provider shows its money.', unverifiedDeposit),
    ...BODY_PROBLEMS,
  },
};

const NO_SUCH_DEPOSIT = problemAnswer('There is no deposit with this id.');

const GET = {
  operationId: 'getDeposit',
  summary: 'Read one deposit',
  description: 'A deposit is there as soon as the provider has shown its money; a notice alone is none.',
  tags: ['deposits'],
  params: depositParams,
  response: {
    200: answer('The deposit, and whose it is.', receivedDeposit),
    404: NO_SUCH_DEPOSIT,
    ...INPUT_PROBLEMS,
  },
};

const ASSIGN = {
  operationId: 'assignDeposit',
  summary: 'Say whose an unallocated deposit is',
  description: 'All of it is given away at once. Can be repeated: the decision is made once.',
  tags: ['deposits'],
  params: depositParams,
  body: assignDepositBody,
  response: {
    200: answer('The deposit is where it was wanted.', receivedDeposit),
    404: NO_SUCH_DEPOSIT,
    409: problemAnswer('The deposit was given elsewhere, or nothing waits for a decision about it.'),
    422: problemAnswer('The parts are not all of the deposit, or one of the payouts cannot take its part.'),
    ...BODY_PROBLEMS,
  },
};

export function addDepositRoutes(app: ApiServer, dependencies: RouteDependencies): void {
  const { store, deposits, authentication } = dependencies;
  app.get('/v1/deposits', { onRequest: authentication('read'), schema: LIST }, async ({ query }) =>
    answerPage('deposit', store.deposits.listDeposits(toListRequest(query)), toReceivedDeposit),
  );
  app.post(
    '/v1/deposits',
    { onRequest: authentication('operate'), schema: RECORD },
    async ({ body }, reply) => {
      const told = { ...body, txHash: normaliseTransactionHash(body.txHash) };
      const [known] = await store.deposits.findDepositsOfTransaction(told.txHash);
      if (known !== undefined) return toReceivedDeposit(known);
      const { depositId } = await deposits.record(told);
      // The key of a deposit without an id of the provider holds nothing that a path would have to escape.
      reply.code(202).header('location', `/v1/deposits/${depositId}`);
      return reply.send({ ...withScaledAmount(told), depositId, status: 'unverified' });
    },
  );
  app.get('/v1/deposits/:depositId', { onRequest: authentication('read'), schema: GET }, async ({ params }) =>
    toReceivedDeposit(await readDeposit(store, params.depositId)),
  );
  app.post(
    '/v1/deposits/:depositId/assign',
    { onRequest: authentication('operate'), schema: ASSIGN },
    async ({ params: { depositId }, body: { to }, actor }) =>
      toReceivedDeposit(await assignDeposit(dependencies, { depositId, to, actor })),
  );
}

/** @throws ProblemError 404 for a deposit that is not in the store */
async function readDeposit(store: ApiStore, depositId: string): Promise<DepositRecord> {
  const deposit = await store.deposits.findDeposit(depositId);
  if (deposit !== undefined) return deposit;
  throw new ProblemError('DEPOSIT_NOT_FOUND', 'There is no deposit with this depositId.');
}

async function assignDeposit(
  { store, deposits }: RouteDependencies,
  { depositId, to, actor }: { readonly depositId: string; readonly to: Assignment; readonly actor: string },
): Promise<DepositRecord> {
  const before = await readDeposit(store, depositId);
  const errors = findAssignmentProblems(to, before.currency);
  if (errors.length > 0) throw new ProblemError('VALIDATION_FAILED', 'Nothing was changed.', { errors });
  if (before.status === DEPOSIT_STATUS.ALLOCATED) return assertAssignedAs(to, before);
  const wrongSum = explainWrongSum(to, before);
  if (wrongSum !== undefined) throw new ProblemError('ASSIGNMENT_REFUSED', wrongSum);

  const outcome = await deposits.assign(depositId, { to, actor });
  const after = await readDeposit(store, depositId);
  if (after.status !== DEPOSIT_STATUS.ALLOCATED) throw notAssigned(outcome);
  // Somebody else may have decided otherwise between the two readings.
  return assertAssignedAs(to, after);
}

/** The parts whose amount cannot be paid in the deposit's currency. */
function findAssignmentProblems(to: Assignment, currency: string): FieldProblem[] {
  if (to === 'available') return [];
  return [...to.entries()]
    .filter(([, { amount }]) => !isPayableAmount(amount, currency))
    .map(([index]) => ({ field: `to.${index}.amount`, message: amountRule(currency) }));
}

/** Names both sums where the parts do not add up to the deposit; undefined where they do. */
function explainWrongSum(to: Assignment, { amount, currency }: DepositRecord): string | undefined {
  if (to === 'available') return undefined;
  const sum = sumOf(to);
  if (compareAmounts(sum, amount) === 0) return undefined;
  return `The parts add up to ${atCurrencyScale(sum, currency)} ${currency}, and the deposit is ${atCurrencyScale(amount, currency)} ${currency}.`;
}

function assertAssignedAs(to: Assignment, deposit: DepositRecord): DepositRecord {
  if (isAssignedAs(to, deposit)) return deposit;
  throw new ProblemError('DEPOSIT_ASSIGNED', 'The deposit was given elsewhere already; read it again.');
}

/**
 * Whether the deposit went where the assignment wants it. The available balance gets what a payout was given and did
 * not need. So a payout may have less than its part, as long as no other payout has the rest.
 */
function isAssignedAs(to: Assignment, { amount, allocations }: DepositRecord): boolean {
  const given = allocations.filter(({ payoutId }) => payoutId !== null);
  if (to === 'available') return given.length === 0;
  const isWithinParts = given.every(({ payoutId }) => to.some((part) => part.payoutId === payoutId));
  return (
    isWithinParts &&
    compareAmounts(sumOf(to), amount) === 0 &&
    to.every((part) => {
      const received = sumOf(given.filter(({ payoutId }) => payoutId === part.payoutId));
      return compareAmounts(received, '0') > 0 && compareAmounts(received, part.amount) <= 0;
    })
  );
}

function sumOf(parts: readonly { readonly amount: string }[]): string {
  return addAmounts(...parts.map(({ amount }) => amount));
}

function notAssigned(outcome: AssignOutcome): Error {
  switch (outcome.kind) {
    case 'assigned':
      return new Error('a deposit was assigned and is not allocated in the store');
    case 'refused':
      return new ProblemError('ASSIGNMENT_REFUSED', outcome.message);
    case 'unknown':
      return new ProblemError(
        'CONFLICT',
        'No workflow waits for a decision about this deposit; read it again, and see its workflow in Temporal.',
      );
  }
}
