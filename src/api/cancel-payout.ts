import { z } from 'zod';
import type { PayoutRecord } from '../store/payouts/payout-records.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../domain/payout-status.js';
import type { PayoutGateway } from '../temporal/payout-gateway.js';
import { answer, BODY_PROBLEMS, COMMON_PROBLEMS, conflict, INVALID, notFound } from './answers.js';
import type { ApiServer } from './api-server.js';
import type { Authentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { payoutNotFound } from './get-payout.js';
import { toPayout, toUnbookedPayout } from './payout-resource.js';
import { ProblemError } from './problem.js';
import { providerUnreadable } from './provider-unreadable.js';
import { cancellationBody, payout, payoutParams, unbookedPayout } from './schemas.js';

interface CancelPayoutDependencies {
  readonly store: ApiStore;
  readonly payouts: PayoutGateway;
  readonly authentication: Authentication;
}

const SCHEMA = {
  operationId: 'cancelPayout',
  summary: 'Cancel a payout before its money leaves',
  description: 'Can be repeated: a payout that is cancelled already is answered as it is.',
  tags: ['payouts'],
  params: payoutParams,
  body: cancellationBody,
  response: {
    200: answer('The payout is cancelled.', z.union([payout, unbookedPayout])),
    ...INVALID,
    ...notFound('payout'),
    ...conflict('The payout has ended, or its money may have left.'),
    ...BODY_PROBLEMS,
    ...COMMON_PROBLEMS,
  },
};

export function addCancelPayout(app: ApiServer, dependencies: CancelPayoutDependencies): void {
  app.route({
    method: 'POST',
    url: '/v1/payouts/:payoutId/cancel',
    onRequest: dependencies.authentication('create'),
    schema: SCHEMA,
    handler: async ({ params: { payoutId }, body, actor }) =>
      cancelPayout(dependencies, payoutId, { actor, reason: body?.reason }),
  });
}

async function cancelPayout(
  { store, payouts }: CancelPayoutDependencies,
  payoutId: string,
  { actor, reason }: { readonly actor: string; readonly reason: string | undefined },
) {
  const before = await store.payouts.findPayout(payoutId);
  if (before !== undefined && isFinalStatus(before.status)) return toAnswer(before);
  const outcome = await payouts.cancel(payoutId, actor, reason);
  if (outcome.kind === 'refused') throw ProblemError.of('CANCEL_REFUSED', outcome.message);
  if (outcome.kind === 'unreadable') throw providerUnreadable(outcome.message);

  const after = await store.payouts.findPayout(payoutId);
  if (after !== undefined) return toAnswer(after);
  if (outcome.kind === 'notRunning') throw payoutNotFound();
  // Cancelled before it was open: the store need not ever have heard of it.
  return toUnbookedPayout(payoutId, PAYOUT_STATUS.CANCELLED);
}

function toAnswer(record: PayoutRecord) {
  if (record.status !== PAYOUT_STATUS.CANCELLED) throw notCancellable(record.status);
  return toPayout(record);
}

function notCancellable(status: PayoutStatus): ProblemError {
  if (isFinalStatus(status)) return ProblemError.of('PAYOUT_ENDED', `The payout has ended as "${status}".`);
  return ProblemError.of(
    'CANCEL_REFUSED',
    `The payout is "${status}" and its workflow did not take the request; read it again.`,
  );
}
