import {
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type Client,
} from '@temporalio/client';
import type { depositWorkflow } from '../../workflows/index.js';
import {
  assignDeposit,
  DEPOSIT_WORKFLOW_TYPE,
  transactionDeclared,
  type AssignmentDecision,
  type DepositWorkflowInput,
} from '../../workflows/deposit-messages.js';
import { payoutEvent } from '../../workflows/payout/payout-messages.js';
import { depositKeyOfTransaction, depositWorkflowId, payoutWorkflowId } from '../domain/identifiers.js';
import type { DepositPolicy } from '../domain/policy.js';
import { callTemporal } from './connection.js';

/** Every function throws a TemporalUnavailableError when it is not known whether anything was started or told. */
export type DepositGateway = ReturnType<typeof createDepositGateway>;

export type AssignOutcome =
  | { readonly kind: 'assigned' }
  /** It cannot go there; the message says why. */
  | { readonly kind: 'refused'; readonly message: string }
  /** No workflow waits for a decision about this deposit; the store knows the rest. */
  | { readonly kind: 'unknown' };

type AnnouncedDeposit = Required<Pick<DepositWorkflowInput, 'depositKey' | 'notice'>>;

const TIMEOUT_MS = 5_000;
/** An assignment may have to wait for the database. */
const ASSIGN_TIMEOUT_MS = 10_000;

/** What can be asked of deposit workflows from outside, and how hints of the provider reach payout workflows. */
export function createDepositGateway(options: {
  readonly client: Client;
  readonly taskQueue: string;
  readonly policy: DepositPolicy;
}) {
  const { client, taskQueue, policy } = options;
  const within = <T>(call: () => Promise<T>): Promise<T> => callTemporal(client, TIMEOUT_MS, call);

  /** False when a workflow has dealt with this deposit before. */
  const startDeposit = ({ depositKey, notice }: AnnouncedDeposit): Promise<boolean> =>
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
    );

  return {
    startDeposit,
    /** False when no payout of this id is running. */
    signalPayout: (payoutId: string, webhookEventId: string): Promise<boolean> =>
      falseFor(WorkflowNotFoundError, () =>
        within(() =>
          client.workflow.getHandle(payoutWorkflowId(payoutId)).signal(payoutEvent, { webhookEventId }),
        ),
      ),
    /** Has a deposit matched again, because its transaction was declared; its workflow is started anew where it ended. */
    matchAgain: async (depositKey: string): Promise<void> => {
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
    /** Starts the workflow that verifies and allocates a deposit that nobody announced, or finds the one that does. */
    record: async (deposit: { txHash: string; currency: string; amount: string }) => {
      const depositId = depositKeyOfTransaction(deposit.txHash);
      const notice = { providerDepositId: null, address: null, ...deposit };
      return { depositId, created: await startDeposit({ depositKey: depositId, notice }) };
    },
    /** Carries out a person's decision about an unallocated deposit. */
    assign: async (depositId: string, decision: AssignmentDecision): Promise<AssignOutcome> => {
      const start = new WithStartWorkflowOperation<typeof depositWorkflow>(DEPOSIT_WORKFLOW_TYPE, {
        workflowId: depositWorkflowId(depositId),
        taskQueue,
        args: [{ depositKey: depositId }],
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowIdConflictPolicy: 'USE_EXISTING',
      });
      // Also reported by the call below; unhandled here it would end the process.
      start.workflowHandle().catch(() => undefined);
      try {
        const { refusal } = await callTemporal(client, ASSIGN_TIMEOUT_MS, () =>
          client.workflow.executeUpdateWithStart(assignDeposit, {
            args: [decision],
            startWorkflowOperation: start,
          }),
        );
        return refusal === null ? { kind: 'assigned' } : { kind: 'refused', message: refusal };
      } catch (error) {
        const isOver =
          error instanceof WorkflowNotFoundError || error instanceof WorkflowExecutionAlreadyStartedError;
        if (isOver) return { kind: 'unknown' };
        throw error;
      }
    },
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
