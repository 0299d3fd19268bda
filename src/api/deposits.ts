import { z } from 'zod';
import { FAILURE_TYPE } from '../domain/failure-type.js';
import type { FieldProblem } from '../domain/field-problems.js';
import { normaliseTransactionHash } from '../domain/identifiers.js';
import {
  AMOUNT_PATTERN,
  amountRule,
  atCurrencyScale,
  compareAmounts,
  isPayableAmount,
} from '../domain/money.js';
import type { ApiServer, ApiStore, RouteDependencies } from './api-server.js';
import { answerPage, listOf, pageQuery, toListRequest } from './paging.js';
import { problemAnswer, ProblemError, retryAfter } from './problem.js';
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
import type { Assignment, AssignOutcome, DepositAssignment } from '../store/deposits/assignment.js';
import type { OpenNoticeRecord } from '../store/deposits/deposit-notices.js';
import type { DepositRecord } from '../store/deposits/deposit-reading.js';

const MAX_ASSIGNED_PARTS = 100;
const MAX_ASSIGNMENTS = 10_000;
/** As many deposits as may be named, each for one payout. */
const MAX_ASSIGNMENTS_BYTES = 4 * 1024 * 1024;

const depositParams = z.strictObject({ depositId });

const depositStatus = z
  .enum(DEPOSIT_STATUS)
  .describe(
    "allocated: given to payouts, owed to their owners, or available. unallocated: nobody's, waits for a person.",
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

/** Refuses a list that names the same thing twice. */
function refuseTwice<Id extends string>(id: Id) {
  return (list: readonly Readonly<Record<Id, string>>[], context: z.RefinementCtx): void => {
    const named = new Set<string>();
    for (const [index, { [id]: name }] of list.entries()) {
      if (named.has(name)) context.addIssue({ code: 'custom', path: [index, id], message: 'is named twice' });
      named.add(name);
    }
  };
}

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
  .superRefine(refuseTwice('payoutId'));

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
  payoutId: z.string().nullable().describe('Null: what no payout needs.'),
  owner: z
    .string()
    .nullable()
    .describe('Who is owed what his payout did not need. Null, like payoutId: available.'),
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
  suggestions: z
    .array(z.object({ payoutId: z.string(), amount: decimal.describe('What it expects.') }))
    .describe('Of an unallocated deposit: open payouts that expect nearly its amount. A person decides.'),
  verifiedAt: time,
  decidedAt: time,
});

/** What was said of a deposit whose money does not show. */
const depositNotice = namedObject('DepositNotice', {
  noticeId: z.string(),
  providerDepositId: z.string().nullable(),
  txHash: z.string().nullable(),
  currency: z.string(),
  amount: decimal,
  address: z.string().nullable(),
  noticedAt: time,
  reason: failureType.nullable().describe('DEPOSIT_UNVERIFIED: it has been without money for too long.'),
});

const assignments = z
  .strictObject({
    assignments: z
      .array(z.strictObject({ depositId, to: assignment }))
      .min(1, 'must name at least one deposit')
      .max(MAX_ASSIGNMENTS, `must name at most ${MAX_ASSIGNMENTS} deposits`)
      .superRefine(refuseTwice('depositId')),
  })
  .meta({ id: 'AssignDeposits' });

const assignmentAnswer = namedObject('DepositAssignmentAnswer', {
  depositId: z.string(),
  assigned: z.boolean(),
  code: z
    .enum(['DEPOSIT_NOT_FOUND', 'DEPOSIT_ASSIGNED', 'DEPOSIT_MISSING', 'ASSIGNMENT_REFUSED', 'UNAVAILABLE'])
    .nullable()
    .describe('Why it was not assigned, as a problem of its own call would say it.'),
  detail: z.string().nullable(),
});

function toReceivedDeposit(record: DepositRecord): z.output<typeof receivedDeposit> {
  const scaled = <T extends { readonly amount: string }>(parts: readonly T[]): T[] =>
    parts.map((part) => ({ ...part, amount: atCurrencyScale(part.amount, record.currency) }));
  return {
    ...withScaledAmount(record),
    allocations: scaled(record.allocations),
    suggestions: scaled(record.suggestions),
  };
}

const LIST = {
  operationId: 'listDeposits',
  summary: 'List deposits, newest first',
  description: 'With status=unallocated: what waits for a person.',
  querystring: pageQuery(depositId, 'deposits', { status: depositStatus.optional() }),
  response: {
    200: answer('A page of deposits.', listOf('ReceivedDepositList', receivedDeposit)),
  },
};

const RECORD = {
  operationId: 'recordDeposit',
  summary: 'Tell of a deposit whose notice never came',
  description:
    'The engine reads at the provider whether its money is there before it believes it. Can be repeated.',
  body: recordDepositBody,
  response: {
    200: answer('The deposit of this transaction, as the store has it already.', receivedDeposit),
    202: answer(
      'Told: it is there as soon as the provider shows its money; ask again by repeating it.',
      depositNotice,
    ),
  },
};

const LIST_NOTICES = {
  operationId: 'listDepositNotices',
  summary: 'List notices of deposits whose money does not show, newest first',
  description:
    'A notice proves nothing, and moves nothing. It leaves the list when the provider shows its money.',
  querystring: pageQuery(depositId, 'notices', {}),
  response: {
    200: answer('A page of notices.', listOf('DepositNoticeList', depositNotice)),
  },
};

const NO_SUCH_DEPOSIT = problemAnswer('There is no deposit with this id.');

const GET = {
  operationId: 'getDeposit',
  summary: 'Read one deposit',
  description: 'A deposit is there as soon as the provider has shown its money; a notice alone is none.',
  params: depositParams,
  response: {
    200: answer('The deposit, and whose it is.', receivedDeposit),
    404: NO_SUCH_DEPOSIT,
  },
};

const ASSIGN = {
  operationId: 'assignDeposit',
  summary: 'Say whose an unallocated deposit is',
  description: 'All of it is given away at once. Can be repeated: the decision is made once.',
  params: depositParams,
  body: assignDepositBody,
  response: {
    200: answer('The deposit is where it was wanted.', receivedDeposit),
    404: NO_SUCH_DEPOSIT,
    409: problemAnswer('The deposit was given elsewhere.'),
    422: problemAnswer('The parts are not all of the deposit, or one of the payouts cannot take its part.'),
  },
};

const ASSIGN_MANY = {
  operationId: 'assignDeposits',
  summary: 'Say whose many unallocated deposits are',
  description:
    'Each is decided by itself, as by its own call: one that cannot be assigned keeps no other from it. Can be repeated.',
  body: assignments,
  response: {
    200: answer(
      'What became of each, in the order asked for.',
      z.object({ data: z.array(assignmentAnswer) }),
    ),
  },
};

export function addDepositRoutes(app: ApiServer, dependencies: RouteDependencies): void {
  const { store, depositPatienceSeconds, authentication } = dependencies;
  const toNotice = (notice: OpenNoticeRecord): z.output<typeof depositNotice> => {
    const isOverdue = Date.now() - notice.noticedAt.getTime() > depositPatienceSeconds * 1_000;
    return { ...withScaledAmount(notice), reason: isOverdue ? FAILURE_TYPE.DEPOSIT_UNVERIFIED : null };
  };
  app.get('/v1/deposits', { onRequest: authentication('read'), schema: LIST }, async ({ query }) =>
    answerPage('deposit', store.deposits.listDeposits(toListRequest(query)), toReceivedDeposit),
  );
  app.post(
    '/v1/deposits',
    { onRequest: authentication('operate'), schema: RECORD },
    async ({ body: { txHash: told, currency, amount } }, reply) => {
      const txHash = normaliseTransactionHash(told);
      const [known] = await store.deposits.findDepositsOfTransaction(txHash);
      if (known !== undefined) return toReceivedDeposit(known);
      const notice = { providerDepositId: null, txHash, address: null, currency, amount };
      return reply.code(202).send(toNotice(await store.deposits.noteDeposit(notice)));
    },
  );
  app.get(
    '/v1/deposits/notices',
    { onRequest: authentication('read'), schema: LIST_NOTICES },
    async ({ query }) => answerPage('notice', store.deposits.listOpenNotices(toListRequest(query)), toNotice),
  );
  app.get('/v1/deposits/:depositId', { onRequest: authentication('read'), schema: GET }, async ({ params }) =>
    toReceivedDeposit(await readDeposit(store, params.depositId)),
  );
  app.post(
    '/v1/deposits/:depositId/assign',
    { onRequest: authentication('operate'), schema: ASSIGN },
    async ({ params: { depositId }, body: { to }, actor }) =>
      toReceivedDeposit(await assignDeposit(store, { depositId, to }, actor)),
  );
  app.post(
    '/v1/deposits/assign',
    { onRequest: authentication('operate'), schema: ASSIGN_MANY, bodyLimit: MAX_ASSIGNMENTS_BYTES },
    async ({ body: { assignments }, actor }) => {
      const outcomes = await assignDeposits(store, assignments, actor);
      return {
        data: outcomes.map((outcome, index) => ({
          depositId: assignments[index]?.depositId ?? '',
          assigned: outcome.code === null,
          ...outcome,
        })),
      };
    },
  );
}

/** @throws ProblemError 404 for a deposit that is not in the store */
async function readDeposit(store: ApiStore, depositId: string): Promise<DepositRecord> {
  const deposit = await store.deposits.findDeposit(depositId);
  if (deposit !== undefined) return deposit;
  throw new ProblemError('DEPOSIT_NOT_FOUND', 'There is no deposit with this depositId.');
}

async function assignDeposit(
  store: ApiStore,
  assignment: DepositAssignment,
  actor: string,
): Promise<DepositRecord> {
  const { depositId, to } = assignment;
  const { currency } = await readDeposit(store, depositId);
  const errors = findAssignmentProblems(to, currency);
  if (errors.length > 0) throw new ProblemError('VALIDATION_FAILED', 'Nothing was changed.', { errors });
  const [outcome = UNREAD] = await assignDeposits(store, [assignment], actor);
  const { code, detail } = outcome;
  if (code === 'UNAVAILABLE') throw new ProblemError(code, detail, retryAfter(READ_RETRY_AFTER_SECONDS));
  if (code !== null) throw new ProblemError(code, detail);
  return readDeposit(store, depositId);
}

const UNREAD = {
  code: 'UNAVAILABLE',
  detail:
    'QbitPay could not be read, or does not hold what the ledger says, so that the deposit may be gone: try again later.',
} as const;

/** Answers for each, in their order. Where QbitPay cannot be read, those that it was to be read for do not change. */
async function assignDeposits(
  store: ApiStore,
  assignments: readonly DepositAssignment[],
  actor: string,
): Promise<readonly (AssignOutcome | typeof UNREAD)[]> {
  const unread = new Set(await store.deposits.readAgain(assignments.map(({ depositId }) => depositId)));
  const read = assignments.filter(({ depositId }) => !unread.has(depositId));
  const answers = (await store.deposits.assignDeposits(read, actor)).values();
  return assignments.map(({ depositId }) =>
    unread.has(depositId) ? UNREAD : (answers.next().value ?? UNREAD),
  );
}

/** The parts whose amount cannot be paid in the deposit's currency. */
function findAssignmentProblems(to: Assignment, currency: string): FieldProblem[] {
  if (to === 'available') return [];
  return [...to.entries()]
    .filter(([, { amount }]) => !isPayableAmount(amount, currency))
    .map(([index]) => ({ field: `to.${index}.amount`, message: amountRule(currency) }));
}

const READ_RETRY_AFTER_SECONDS = 10;
