import type { ReconciliationGateway } from '../temporal/reconciliation-gateway.js';
import { answer, COMMON_PROBLEMS, notReady } from './answers.js';
import type { ApiServer } from './api-server.js';
import type { Authentication } from './authentication.js';
import { ProblemError } from './problem.js';
import { toReconciliation } from './reconciliation-resource.js';
import { reconciliation } from './reconciliation-schemas.js';

interface GetReconciliationDependencies {
  readonly reconciliation: ReconciliationGateway;
  readonly authentication: Authentication;
}

/** A comparison reads the provider's lists page by page: sooner it would hardly have got further. */
const UNFINISHED_RETRY_AFTER_SECONDS = '15';

const SCHEMA = {
  operationId: 'getReconciliation',
  summary: 'Compare the store with the provider, now',
  description:
    'It follows up what it finds: money that came back or moved outside of the engine is booked, once, and a deposit that nobody announced is verified as if it had been.',
  tags: ['ledger'],
  response: {
    200: answer('What was compared, and every discrepancy with what to do about it.', reconciliation),
    ...COMMON_PROBLEMS,
    ...notReady(
      'The comparison did not finish in time, or the database or Temporal does not answer (see Retry-After).',
    ),
  },
};

export function addGetReconciliation(app: ApiServer, dependencies: GetReconciliationDependencies): void {
  app.route({
    method: 'GET',
    url: '/v1/reconciliation',
    onRequest: dependencies.authentication('read'),
    schema: SCHEMA,
    handler: async () => {
      const report = await dependencies.reconciliation.run();
      if (report === undefined) throw unfinished();
      return toReconciliation(report);
    },
  });
}

function unfinished(): ProblemError {
  return ProblemError.of(
    'UNAVAILABLE',
    'The comparison did not finish in time: no worker runs, QbitPay does not answer, or there is much to read. Try again.',
    { headers: { 'retry-after': UNFINISHED_RETRY_AFTER_SECONDS } },
  );
}
