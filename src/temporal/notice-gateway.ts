import { WorkflowNotFoundError, WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import type { depositWorkflow } from '../../workflows/index.js';
import {
  DEPOSIT_WORKFLOW_TYPE,
  transactionDeclared,
  type DepositWorkflowInput,
} from '../../workflows/deposit-messages.js';
import { payoutEvent } from '../../workflows/payout-messages.js';
import { depositWorkflowId, payoutWorkflowId } from '../domain/identifiers.js';
import type { DepositPolicy } from '../domain/policy.js';
import { orUnavailable } from './unavailable.js';

/** How notices from outside reach workflows: the webhook dispatcher's only way to Temporal. */
export interface NoticeGateway {
  /** False when no payout of this id is running. @throws TemporalUnavailableError */
  signalPayout(payoutId: string, webhookEventId: string): Promise<boolean>;
  /** False when a workflow has dealt with this deposit before. @throws TemporalUnavailableError */
  startDeposit(deposit: Required<Pick<DepositWorkflowInput, 'depositKey' | 'notice'>>): Promise<boolean>;
  /** Has a deposit matched again, its workflow started anew where it ended. @throws TemporalUnavailableError */
  matchAgain(depositKey: string): Promise<void>;
}

const TIMEOUT_MS = 5_000;

export function createNoticeGateway(options: {
  readonly client: Client;
  readonly taskQueue: string;
  readonly policy: DepositPolicy;
}): NoticeGateway {
  const { client, taskQueue, policy } = options;
  const within = <T>(call: () => Promise<T>): Promise<T> =>
    orUnavailable(() => client.withDeadline(Date.now() + TIMEOUT_MS, call));
  return {
    signalPayout: (payoutId, webhookEventId) =>
      falseFor(WorkflowNotFoundError, () =>
        within(() =>
          client.workflow.getHandle(payoutWorkflowId(payoutId)).signal(payoutEvent, { webhookEventId }),
        ),
      ),
    matchAgain: async (depositKey) => {
      await within(() =>
        client.workflow.signalWithStart(DEPOSIT_WORKFLOW_TYPE, {
          workflowId: depositWorkflowId(depositKey),
          taskQueue,
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          args: [{ depositKey }],
          signal: transactionDeclared,
        }),
      );
    },
    startDeposit: ({ depositKey, notice }) =>
      falseFor(WorkflowExecutionAlreadyStartedError, () =>
        within(() =>
          client.workflow.start<typeof depositWorkflow>(DEPOSIT_WORKFLOW_TYPE, {
            workflowId: depositWorkflowId(depositKey),
            taskQueue,
            // A run that a person ended may be started again; one that found the owner may not.
            workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
            workflowIdConflictPolicy: 'USE_EXISTING',
            args: [{ depositKey, notice, policy }],
            staticSummary: `${notice.amount} ${notice.currency}`,
          }),
        ),
      ),
  };
}

async function falseFor(
  expected: abstract new (...args: never[]) => Error,
  call: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    if (error instanceof expected) return false;
    throw error;
  }
}
