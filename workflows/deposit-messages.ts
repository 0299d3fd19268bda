import type { DepositPolicy } from '../src/domain/policy.js';

/** What `depositWorkflow` is started with. A wire format. */
export const DEPOSIT_WORKFLOW_TYPE = 'depositWorkflow';

export interface DepositWorkflowInput {
  /** The provider's deposit id, or what stands for it; unique in the book. */
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

/** The sweep over stored webhook events, started by a Temporal Schedule. */
export const SWEEP_WORKFLOW_TYPE = 'sweepWebhooksWorkflow';
