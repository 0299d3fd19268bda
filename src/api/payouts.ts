import type { FastifyBaseLogger, FastifyReply } from 'fastify';
import { z } from 'zod';
import {
  DESTINATION_FIELDS,
  DESTINATION_TYPES,
  REQUIRED_DESTINATION_FIELDS,
  type DestinationType,
} from '../domain/destination.js';
import { FAILURES, FAILURE_TYPE } from '../domain/failure-type.js';
import { MAX_TEXT_LENGTH } from '../domain/field-problems.js';
import { normaliseTransactionHash } from '../domain/identifiers.js';
import { AMOUNT_PATTERN } from '../domain/money.js';
import { findPayoutRequestProblems, FUNDING, type PayoutRequest } from '../domain/payout-request.js';
import { isFinalStatus, PAYOUT_STATUS } from '../domain/payout-status.js';
import type { ApiServer, ApiStore, RouteDependencies } from './api-server.js';
import { answerPage, listOf, pageQuery, toListRequest } from './paging.js';
import {
  amountMode,
  funding,
  owner,
  payout,
  payoutStatus,
  payoutWithTimeline,
  toPayout,
  toPayoutWithTimeline,
} from './payout-resource.js';
import { problemAnswer, ProblemError, retryAfter } from './problem.js';
import { answer, currency, payoutId, payoutParams, txHash } from './schemas.js';
import type { DeclarationOutcome } from '../store/deposits/declarations.js';
import { ACCEPTANCE, type Acceptance } from '../store/payouts/acceptance.js';
import type { PayoutRecord } from '../store/payouts/payout-reading.js';

const text = z.string().min(1).max(MAX_TEXT_LENGTH);

function destinationOf(type: DestinationType) {
  const required: readonly string[] = REQUIRED_DESTINATION_FIELDS[type];
  const fields = DESTINATION_FIELDS.map((name) => [name, required.includes(name) ? text : text.optional()]);
  return z.strictObject({ type: z.literal(type), ...(Object.fromEntries(fields) as object) });
}
type DestinationSchema = ReturnType<typeof destinationOf>;
export const destination = z
  .discriminatedUnion(
    'type',
    DESTINATION_TYPES.map(destinationOf) as [DestinationSchema, ...DestinationSchema[]],
  )
  .describe('Where the money goes. Personal data: no answer ever contains it.');

const documentedCreatePayout = z
  .strictObject({
    payoutId,
    amount: z
      .string()
      .regex(AMOUNT_PATTERN)
      .meta({
        description: 'Decimal string, no more decimal places than the currency has.',
        examples: ['5000.00'],
      }),
    currency: currency.meta({ description: 'What the recipient gets.', examples: ['CNY'] }),
    amountMode,
    fundingCurrency: currency.meta({
      description: 'What is deposited, or sold of the balance.',
      examples: ['USDT'],
    }),
    funding: funding.optional().describe('Where the money comes from; deposit when left out.'),
    destination,
    description: text.optional(),
  })
  .meta({ id: 'CreatePayout' });

/**
 * The body of a create request. The domain decides what is accepted: it knows more rules than a schema can say, and
 * tells all problems at once. The schema behind it is what OpenAPI shows. A test keeps it from refusing what the
 * domain accepts.
 */
const createPayoutBody = z.preprocess((body, context) => {
  for (const { field, message } of findPayoutRequestProblems(body)) {
    context.addIssue({ code: 'custom', path: field === '' ? [] : field.split('.'), message });
  }
  return body;
}, documentedCreatePayout) satisfies z.ZodType<PayoutRequest>;

const declareDepositBody = z
  .strictObject({
    txHash: txHash.describe('The transaction that brings the deposit.'),
  })
  .meta({ id: 'DeclareDeposit' });

const CREATE = {
  operationId: 'createPayout',
  summary: 'Ask for a payout',
  description:
    'Answers with the deposit to make. The same request can be repeated at any time, with the same payoutId: it is one payout.',
  body: createPayoutBody,
  response: {
    200: answer('The payout was there already, as it is now.', payout),
    201: answer('The payout is open: make the deposit.', payout),
    202: answer(
      'Accepted, and not open yet: read it, or repeat the request, after Retry-After seconds.',
      payout,
    ),
    409: problemAnswer('The payoutId belongs to a payout with other content, or of another owner.'),
    422: problemAnswer(
      'The payout cannot be carried out; code is its failure type. A new payoutId is needed.',
    ),
  },
};

const LIST = {
  operationId: 'listPayouts',
  summary: 'List payouts, newest first',
  querystring: pageQuery(payoutId, 'payouts', {
    status: payoutStatus.optional(),
    owner: owner.optional(),
  }),
  response: { 200: answer('A page of payouts.', listOf('PayoutList', payout)) },
};

export const NO_SUCH_PAYOUT = problemAnswer('There is no payout with this id.');

const GET = {
  operationId: 'getPayout',
  summary: 'Read one payout',
  params: payoutParams,
  response: {
    200: answer('The payout and everything that happened to it.', payoutWithTimeline),
    404: NO_SUCH_PAYOUT,
  },
};

const DECLARE_DEPOSIT = {
  operationId: 'declareDeposit',
  summary: 'Say which transaction brings the deposit',
  description: 'A transaction belongs to one payout. Can be repeated with the same hash.',
  params: payoutParams,
  body: declareDepositBody,
  response: {
    200: answer('Declared: a deposit of this transaction can only be for this payout.', payout),
    404: NO_SUCH_PAYOUT,
    409: problemAnswer(
      'Another payout declared the transaction; or the payout has ended, is not open yet, or expects no deposit.',
    ),
  },
};

export function addPayoutRoutes(app: ApiServer, dependencies: RouteDependencies): void {
  const { store, authentication } = dependencies;
  app.post('/v1/payouts', { onRequest: authentication('create'), schema: CREATE }, async (request, reply) =>
    createPayout(dependencies, request, reply),
  );
  app.get('/v1/payouts', { onRequest: authentication('read'), schema: LIST }, async ({ query }) =>
    answerPage('payout', store.payouts.listPayouts(toListRequest(query)), toPayout),
  );
  app.get(
    '/v1/payouts/:payoutId',
    { onRequest: authentication('read'), schema: GET },
    async ({ params: { payoutId } }) => {
      const record = await readPayout(store, payoutId);
      const [timeline, entries] = await Promise.all([
        store.payouts.readTimeline(payoutId),
        store.ledger.readPostingsOf(payoutId),
      ]);
      return toPayoutWithTimeline(record, timeline, entries);
    },
  );
  app.post(
    '/v1/payouts/:payoutId/deposit',
    { onRequest: authentication('create'), schema: DECLARE_DEPOSIT },
    async ({ params: { payoutId }, body: { txHash }, actor }) =>
      declareDeposit(dependencies, { payoutId, txHash: normaliseTransactionHash(txHash), actor }),
  );
}

/** Soon enough to be worth a wait, late enough for a worker to have opened it. */
const OPENING_RETRY_AFTER_SECONDS = 1;

interface CreateRequest {
  readonly body: PayoutRequest;
  readonly actor: string;
  readonly owner: string;
  readonly log: FastifyBaseLogger;
}

/** With its row in the store the payout is accepted: what becomes of its workflow now can only make it later. */
async function createPayout(
  { store, payouts, payoutPolicy: policy }: RouteDependencies,
  { body: request, actor: maker, owner, log }: CreateRequest,
  reply: FastifyReply,
) {
  const { payoutId } = request;
  const acceptance = await store.payouts.accept({ request, maker, owner, policy });
  if (acceptance === ACCEPTANCE.CONFLICT) {
    const detail =
      'A payout with this payoutId and other content, or of another owner, exists. Use a new payoutId for another payout.';
    throw new ProblemError('PAYOUT_ID_TAKEN', detail);
  }
  const isNew = acceptance === ACCEPTANCE.CREATED;
  const accepted = isNew ? { ...request, status: PAYOUT_STATUS.OPENING } : await readPayout(store, payoutId);
  if (accepted.status === PAYOUT_STATUS.OPENING) {
    await payouts.open(accepted).catch((error: unknown) => {
      log.warn({ err: error, payoutId }, 'the payout is accepted, and its workflow was not started now');
    });
  }
  return sendRecord(reply, await readPayout(store, payoutId), acceptance);
}

/** Only the call that wrote the payout is told that it was created. */
function sendRecord(reply: FastifyReply, record: PayoutRecord, acceptance: Acceptance) {
  const { payoutId, status } = record;
  if (status === PAYOUT_STATUS.REJECTED) throw payoutRejected(record);
  const isOpening = status === PAYOUT_STATUS.OPENING;
  if (isOpening) reply.code(202).headers(retryAfter(OPENING_RETRY_AFTER_SECONDS).headers);
  else if (acceptance === ACCEPTANCE.CREATED) reply.code(201);
  if (isOpening || acceptance === ACCEPTANCE.CREATED) reply.header('location', `/v1/payouts/${payoutId}`);
  return reply.send(toPayout(record));
}

function payoutRejected({ failure }: PayoutRecord): ProblemError {
  const type = failure?.type ?? FAILURE_TYPE.INVALID_REQUEST;
  const { meaning, action } = FAILURES[type];
  const message = failure?.message ?? meaning;
  return new ProblemError(type, `${message}${/[.!?]$/.test(message) ? '' : '.'} ${action}`);
}

/** @throws ProblemError 404 for a payout that is not in the store */
export async function readPayout(store: ApiStore, payoutId: string): Promise<PayoutRecord> {
  const record = await store.payouts.findPayout(payoutId);
  if (record === undefined) throw new ProblemError('PAYOUT_NOT_FOUND', NO_PAYOUT);
  return record;
}

const NO_PAYOUT = 'There is no payout with this payoutId.';

/** Why a transaction was not declared. */
const DECLARATION_PROBLEMS = {
  TRANSACTION_DECLARED_ELSEWHERE: 'A transaction belongs to one payout only.',
  PAYOUT_ENDED: 'The payout has ended; money for it would be unallocated.',
  NO_DEPOSIT_EXPECTED: 'The payout is paid from the available balance.',
  PAYOUT_NOT_FOUND: NO_PAYOUT,
} as const satisfies Record<Exclude<DeclarationOutcome, 'DECLARED'>, string>;

async function declareDeposit(
  { store }: RouteDependencies,
  declaration: { readonly payoutId: string; readonly txHash: string; readonly actor: string },
) {
  const { payoutId } = declaration;
  assertExpectsDeposit(await readPayout(store, payoutId));
  const outcome = await store.deposits.declareTransaction(declaration);
  if (outcome !== 'DECLARED') throw new ProblemError(outcome, DECLARATION_PROBLEMS[outcome]);
  return toPayout(await readPayout(store, payoutId));
}

/** Before its address and amount are known nobody can have sent its deposit. */
function assertExpectsDeposit({ status, funding, deposit }: PayoutRecord): void {
  if (funding !== FUNDING.DEPOSIT || deposit !== null || isFinalStatus(status)) return;
  const detail = 'The payout is not open yet: repeat the request when it is.';
  throw new ProblemError('PAYOUT_OPENING', detail, retryAfter(OPENING_RETRY_AFTER_SECONDS));
}
