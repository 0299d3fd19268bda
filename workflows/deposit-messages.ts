import { defineSignal, defineUpdate } from '@temporalio/workflow';
import type { AssignDepositInput } from '../activities/deposits/assign-deposit.js';
import type { DepositPolicy } from '../src/domain/policy.js';

/** What `depositWorkflow` is started with. A wire format. */
export const DEPOSIT_WORKFLOW_TYPE = 'depositWorkflow';

export interface DepositWorkflowInput {
  /** The provider's deposit id, or what stands for it; unique in the store. */
  readonly depositKey: string;
  /** What was announced; left out for a deposit that is verified already. */
  readonly notice?: {
    readonly providerDepositId: string | null;
    readonly currency: string;
    readonly amount: string;
    readonly address: string | null;
    readonly txHash: string | null;
  };
  /** What is left out has its default. */
  readonly policy?: Partial<DepositPolicy>;
}

/** Where a person sends an unallocated deposit, and who it was. */
export type AssignmentDecision = Pick<AssignDepositInput, 'to' | 'actor'>;

/** Answers with the refusal where there is one; nothing is changed then, and the deposit stays unallocated. */
export const assignDeposit = defineUpdate<{ readonly refusal: string | null }, [AssignmentDecision]>(
  'assignDeposit',
);

/** A payout declared the transaction of this deposit: an unallocated one is matched again. */
export const transactionDeclared = defineSignal('transactionDeclared');

/** Compares the store with the provider; a Temporal Schedule and the API start it. */
export const RECONCILE_WORKFLOW_TYPE = 'reconcileWorkflow';

/** The sweep over stored webhook events, started by a Temporal Schedule. */
export const SWEEP_WORKFLOW_TYPE = 'sweepWebhooksWorkflow';
