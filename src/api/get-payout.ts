import { z } from 'zod';
import { PAYOUT_STATUS } from '../domain/payout-status.js';
import type { PayoutGateway } from '../temporal/payout-gateway.js';
import { answer, COMMON_PROBLEMS, INVALID, notFound } from './answers.js';
import type { ApiServer } from './api-server.js';
import type { Authentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { toPayoutWithTimeline, toUnbookedPayout } from './payout-resource.js';
import { ProblemError } from './problem.js';
import { payoutParams, payoutWithTimeline, unbookedPayout } from './schemas.js';

interface GetPayoutDependencies {
  readonly store: ApiStore;
  readonly payouts: PayoutGateway;
  readonly authentication: Authentication;
}

const SCHEMA = {
  operationId: 'getPayout',
  summary: 'Read one payout',
  tags: ['payouts'],
  params: payoutParams,
  response: {
    200: answer(
      'The payout and everything that happened to it.',
      z.union([payoutWithTimeline, unbookedPayout]),
    ),
    ...INVALID,
    ...notFound('payout'),
    ...COMMON_PROBLEMS,
  },
};

export function addGetPayout(
  app: ApiServer,
  { store, payouts, authentication }: GetPayoutDependencies,
): void {
  app.route({
    method: 'GET',
    url: '/v1/payouts/:payoutId',
    onRequest: authentication('read'),
    schema: SCHEMA,
    handler: async ({ params: { payoutId } }) => {
      const booked = await readFromStore(store, payoutId);
      if (booked !== undefined) return booked;
      const opening = await payouts.findOpening(payoutId);
      if (opening !== undefined) return toUnbookedPayout(payoutId, PAYOUT_STATUS.OPENING, opening);
      // It may have been opened and ended between the two looks.
      const ended = await readFromStore(store, payoutId);
      if (ended === undefined) throw payoutNotFound();
      return ended;
    },
  });
}

async function readFromStore(store: ApiStore, payoutId: string) {
  const record = await store.payouts.findPayout(payoutId);
  if (record === undefined) return undefined;
  const [timeline, entries] = await Promise.all([
    store.payouts.readTimeline(payoutId),
    store.ledger.readPostingsOf(payoutId),
  ]);
  return toPayoutWithTimeline(record, timeline, entries);
}

export function payoutNotFound(): ProblemError {
  return ProblemError.of('PAYOUT_NOT_FOUND', 'There is no payout with this payoutId.');
}
