import {
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type Client,
} from '@temporalio/client';
import type { depositWorkflow } from '../../workflows/index.js';
import { assignDeposit, DEPOSIT_WORKFLOW_TYPE } from '../../workflows/deposit-messages.js';
import { depositKeyOfTransaction, depositWorkflowId } from '../domain/identifiers.js';
import type { AssignOutcome, DepositGateway } from './deposit-gateway.js';
import type { NoticeGateway } from './notice-gateway.js';
import { orUnavailable } from './unavailable.js';

/** An assignment may have to wait for the database. */
const ASSIGN_TIMEOUT_MS = 10_000;

export function createDepositGateway(options: {
  readonly client: Client;
  readonly taskQueue: string;
  readonly notices: NoticeGateway;
}): DepositGateway {
  const { client, taskQueue, notices } = options;
  /** The workflow of a unallocated deposit, whether it runs or was ended from outside. */
  const describe = (depositId: string) => ({
    workflowId: depositWorkflowId(depositId),
    taskQueue,
    args: [{ depositKey: depositId }] as [{ depositKey: string }],
  });
  return {
    async record({ txHash, currency, amount }) {
      const depositId = depositKeyOfTransaction(txHash);
      const notice = { providerDepositId: null, currency, amount, address: null, txHash };
      return { depositId, created: await notices.startDeposit({ depositKey: depositId, notice }) };
    },
    async assign(depositId, decision): Promise<AssignOutcome> {
      const start = new WithStartWorkflowOperation<typeof depositWorkflow>(DEPOSIT_WORKFLOW_TYPE, {
        ...describe(depositId),
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowIdConflictPolicy: 'USE_EXISTING',
      });
      // Also reported by the call below; unhandled here it would end the process.
      start.workflowHandle().catch(() => undefined);
      try {
        const { refusal } = await orUnavailable(() =>
          client.withDeadline(Date.now() + ASSIGN_TIMEOUT_MS, () =>
            client.workflow.executeUpdateWithStart(assignDeposit, {
              args: [decision],
              startWorkflowOperation: start,
            }),
          ),
        );
        return refusal === null ? { kind: 'assigned' } : { kind: 'refused', message: refusal };
      } catch (error) {
        const isOver =
          error instanceof WorkflowNotFoundError || error instanceof WorkflowExecutionAlreadyStartedError;
        if (isOver) return { kind: 'unknown' };
        throw error;
      }
    },
    matchAgain: (depositId) => notices.matchAgain(depositId),
  };
}
