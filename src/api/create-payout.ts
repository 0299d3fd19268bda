import type { FastifyReply } from 'fastify';
import { randomUUID } from 'node:crypto';
import type { PayoutRecord } from '../store/payouts/payout-records.js';
import { FAILURES, FAILURE_TYPE } from '../domain/failure-type.js';
import type { PayoutRequest } from '../domain/payout-request.js';
import { PAYOUT_STATUS } from '../domain/payout-status.js';
import type { OpenOutcome, PayoutGateway } from '../temporal/payout-gateway.js';
import { answer, BODY_PROBLEMS, COMMON_PROBLEMS, conflict, INVALID, rejected } from './answers.js';
import type { ApiServer } from './api-server.js';
import type { Authentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { toOpenedPayout, toStartedPayout } from './payout-resource.js';
import { ProblemError } from './problem.js';
import { createPayoutBody, openedPayout, startedPayout } from './schemas.js';

interface CreatePayoutDependencies {
  readonly store: ApiStore;
  readonly payouts: PayoutGateway;
  readonly authentication: Authentication;
}

/** Soon enough to be worth a wait, late enough for a worker to have taken the task. */
const OPENING_RETRY_AFTER_SECONDS = '1';

const SCHEMA = {
  operationId: 'createPayout',
  summary: 'Ask for a payout',
  description:
    'Answers with the deposit to make. The same request can be repeated at any time, with the same payoutId: it is one payout.',
  tags: ['payouts'],
  body: createPayoutBody,
  response: {
    200: answer('The payout was there already, as it is now.', openedPayout),
    201: answer('The payout is open: make the deposit.', openedPayout),
    202: answer(
      'Started, and not open yet: repeat the same request after Retry-After seconds.',
      startedPayout,
    ),
    ...INVALID,
    ...conflict('The payoutId belongs to a payout with other content.'),
    ...rejected('The payout cannot be carried out; code is its failure type. A new payoutId is needed.'),
    ...BODY_PROBLEMS,
    ...COMMON_PROBLEMS,
  },
};

export function addCreatePayout(app: ApiServer, dependencies: CreatePayoutDependencies): void {
  app.route({
    method: 'POST',
    url: '/v1/payouts',
    onRequest: dependencies.authentication('create'),
    schema: SCHEMA,
    handler: async (request, reply) => createPayout(dependencies, request.body, request.actor, reply),
  });
}

async function createPayout(
  { store, payouts }: CreatePayoutDependencies,
  request: PayoutRequest,
  actor: string,
  reply: FastifyReply,
) {
  const requestHash = await store.payouts.hashRequest(request);
  const existing = await store.payouts.findPayout(request.payoutId);
  if (existing !== undefined) return sendRecord(reply, existing, requestHash);

  const openRequestId = randomUUID();
  const outcome = await payouts.open({ request, requestHash, maker: actor, openRequestId });
  switch (outcome.kind) {
    case 'opening':
      return reply
        .code(202)
        .headers({ location: locationOf(request.payoutId), 'retry-after': OPENING_RETRY_AFTER_SECONDS })
        .send(toStartedPayout(request));
    case 'conflict':
      throw idTaken();
    case 'opened':
    case 'ended': {
      const record = await store.payouts.findPayout(request.payoutId);
      if (record === undefined) throw missingFromStore(outcome);
      return sendRecord(reply, record, requestHash, openRequestId);
    }
  }
}

/** Only the call that really started the payout is told that it was created. */
function sendRecord(reply: FastifyReply, record: PayoutRecord, requestHash: string, openRequestId?: string) {
  if (record.requestHash !== requestHash) throw idTaken();
  if (record.status === PAYOUT_STATUS.REJECTED) throw rejection(record);
  const isCreated = openRequestId !== undefined && record.openRequestId === openRequestId;
  if (isCreated) reply.code(201).header('location', locationOf(record.payoutId));
  return reply.send(toOpenedPayout(record));
}

function rejection({ failure }: PayoutRecord): ProblemError {
  const type = failure?.type ?? FAILURE_TYPE.INVALID_REQUEST;
  const { meaning, action } = FAILURES[type];
  const message = failure?.message ?? meaning;
  return ProblemError.rejected(type, `${message}${/[.!?]$/.test(message) ? '' : '.'} ${action}`);
}

function idTaken(): ProblemError {
  return ProblemError.of(
    'PAYOUT_ID_TAKEN',
    'A payout with this payoutId and other content exists. Use a new payoutId for another payout.',
  );
}

function missingFromStore(outcome: OpenOutcome): Error {
  if (outcome.kind === 'opened') return new Error('a payout was opened and is not in the store');
  return ProblemError.of(
    'PAYOUT_ID_TAKEN',
    'This payoutId was used before, for a payout that was never opened. Use a new payoutId.',
  );
}

function locationOf(payoutId: string): string {
  return `/v1/payouts/${payoutId}`;
}
