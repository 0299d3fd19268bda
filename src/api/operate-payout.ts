import type { z } from 'zod';
import type { PayoutGateway, PayoutOperation } from '../temporal/payout-gateway.js';
import { answer, BODY_PROBLEMS, COMMON_PROBLEMS, conflict, INVALID, notFound } from './answers.js';
import type { ApiServer } from './api-server.js';
import type { Authentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { payoutNotFound } from './get-payout.js';
import { toPayout } from './payout-resource.js';
import { ProblemError } from './problem.js';
import { providerUnreadable } from './provider-unreadable.js';
import { decisionBody, operationHeaders, payout, payoutParams, resolveBody, retryBody } from './schemas.js';

interface OperatePayoutDependencies {
  readonly store: ApiStore;
  readonly payouts: PayoutGateway;
  readonly authentication: Authentication;
}

/** What persons decide about payouts. Each call is refused, with the reason, where it makes no sense. */
export function addOperatePayout(app: ApiServer, dependencies: OperatePayoutDependencies): void {
  const { authentication } = dependencies;
  const onRequest = authentication('operate');
  const params = payoutParams;
  app.route({
    method: 'POST',
    url: '/v1/payouts/:payoutId/hold',
    onRequest,
    schema: { ...schemaOf('holdPayout', 'Put a payout on hold', decisionBody), params },
    handler: async ({ params: { payoutId }, body, headers, actor }) =>
      operate(dependencies, payoutId, { ...keyOf(headers), operation: 'hold', actor, ...body }),
  });
  app.route({
    method: 'POST',
    url: '/v1/payouts/:payoutId/resume',
    onRequest,
    schema: { ...schemaOf('resumePayout', 'Take a held payout on', decisionBody), params },
    handler: async ({ params: { payoutId }, body, headers, actor }) =>
      operate(dependencies, payoutId, { ...keyOf(headers), operation: 'resume', actor, ...body }),
  });
  app.route({
    method: 'POST',
    url: '/v1/payouts/:payoutId/resolve',
    onRequest,
    schema: {
      ...schemaOf('resolvePayout', 'Say what became of a request whose outcome is not known', resolveBody),
      params,
    },
    handler: async ({ params: { payoutId }, body, headers, actor }) =>
      operate(dependencies, payoutId, { ...keyOf(headers), operation: 'resolve', actor, ...body }),
  });
  app.route({
    method: 'POST',
    url: '/v1/payouts/:payoutId/retry',
    onRequest,
    schema: {
      ...schemaOf('retryPayout', 'Make a new attempt, to another destination if need be', retryBody),
      params,
    },
    handler: async ({ params: { payoutId }, body, headers, actor }) =>
      operate(dependencies, payoutId, { ...keyOf(headers), operation: 'retry', actor, ...body }),
  });
}

function keyOf(headers: z.infer<typeof operationHeaders>): Pick<PayoutOperation, 'idempotencyKey'> {
  return { idempotencyKey: headers['idempotency-key'] };
}

function schemaOf<Body extends z.ZodType>(operationId: string, summary: string, body: Body) {
  return {
    operationId,
    summary,
    tags: ['payouts'],
    description: 'With an Idempotency-Key it is carried out once, however often it is sent.',
    headers: operationHeaders,
    body,
    response: {
      200: answer('Done; the payout as it is now.', payout),
      ...INVALID,
      ...notFound('payout'),
      ...conflict('It makes no sense for this payout now; the detail says why.'),
      ...BODY_PROBLEMS,
      ...COMMON_PROBLEMS,
    },
  };
}

async function operate(
  { store, payouts }: OperatePayoutDependencies,
  payoutId: string,
  operation: PayoutOperation,
) {
  const before = await store.payouts.findPayout(payoutId);
  if (before === undefined && (await payouts.findOpening(payoutId)) === undefined) throw payoutNotFound();
  const seen = before && { status: before.status, holdReason: before.holdReason };
  const outcome = await payouts.operate(payoutId, { ...operation, seen });
  if (outcome.kind === 'refused') throw refused(`Refused: ${outcome.message}.`);
  if (outcome.kind === 'unreadable') throw providerUnreadable(outcome.message);
  const after = await store.payouts.findPayout(payoutId);
  if (after === undefined) throw payoutNotFound();
  if (outcome.kind === 'notRunning')
    throw refused(`The payout is "${after.status}" and nothing runs for it.`);
  return toPayout(after);
}

function refused(detail: string): ProblemError {
  return ProblemError.of('OPERATION_REFUSED', detail);
}
