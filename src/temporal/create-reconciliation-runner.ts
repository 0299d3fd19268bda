import type { Client } from '@temporalio/client';
import type { reconcileWorkflow } from '../../workflows/index.js';
import { RECONCILE_WORKFLOW_TYPE } from '../../workflows/deposit-messages.js';
import { isUnavailable, orUnavailable } from './unavailable.js';

/** The API closes a connection after a minute without a byte. */
const RUN_TIMEOUT_MS = 45_000;
const START_TIMEOUT_MS = 5_000;

/** Starts a comparison, or joins the one that runs; the id of its report, or undefined when it takes longer. */
export function createReconciliationRunner(options: {
  readonly client: Client;
  readonly taskQueue: string;
}): () => Promise<string | undefined> {
  const { client, taskQueue } = options;
  return async () => {
    const handle = await orUnavailable(() =>
      client.withDeadline(Date.now() + START_TIMEOUT_MS, () =>
        client.workflow.start<typeof reconcileWorkflow>(RECONCILE_WORKFLOW_TYPE, {
          workflowId: `reconcile-now/${taskQueue}`,
          taskQueue,
          args: [],
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          workflowIdConflictPolicy: 'USE_EXISTING',
        }),
      ),
    );
    try {
      const { reportId } = await client.withDeadline(Date.now() + RUN_TIMEOUT_MS, () => handle.result());
      return reportId;
    } catch (error) {
      // It goes on without the caller, or it failed: the Temporal UI shows why.
      if (isUnavailable(error) || isWorkflowFailed(error)) return undefined;
      throw error;
    }
  };
}

function isWorkflowFailed(error: unknown): boolean {
  return error instanceof Error && error.name === 'WorkflowFailedError';
}
