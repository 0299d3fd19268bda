import { WorkflowFailedError, type Client } from '@temporalio/client';
import type { reconcileWorkflow } from '../../workflows/index.js';
import type { ReconciliationReport } from '../domain/reconciliation.js';
import { callTemporal } from './connection.js';
import { TemporalUnavailableError } from './temporal-unavailable-error.js';

export type ReconciliationGateway = ReturnType<typeof createReconciliationGateway>;

/** The API closes a connection after a minute without a byte. */
const RUN_TIMEOUT_MS = 45_000;
const START_TIMEOUT_MS = 5_000;

/** How the comparison of store and provider is run from outside. */
export function createReconciliationGateway({
  client,
  taskQueue,
  readReport,
}: {
  readonly client: Client;
  readonly taskQueue: string;
  readonly readReport: (reportId: string) => Promise<ReconciliationReport>;
}) {
  return {
    /**
     * Starts a comparison, or joins the one that runs, and waits for its report; undefined when that takes too long.
     * @throws TemporalUnavailableError when it is not known whether anything was started
     */
    async run(): Promise<ReconciliationReport | undefined> {
      const handle = await callTemporal(client, START_TIMEOUT_MS, () =>
        client.workflow.start<typeof reconcileWorkflow>('reconcileWorkflow', {
          workflowId: `reconcile-now/${taskQueue}`,
          taskQueue,
          args: [],
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          workflowIdConflictPolicy: 'USE_EXISTING',
        }),
      );
      try {
        const { reportId } = await callTemporal(client, RUN_TIMEOUT_MS, () => handle.result());
        return await readReport(reportId);
      } catch (error) {
        // The comparison goes on without the caller, or it failed: the Temporal UI shows why.
        if (error instanceof TemporalUnavailableError || error instanceof WorkflowFailedError)
          return undefined;
        throw error;
      }
    },
  };
}
