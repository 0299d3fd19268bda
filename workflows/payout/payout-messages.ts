import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Destination } from '../../src/domain/destination.js';
import type { FailureType } from '../../src/domain/failure-type.js';
import type { DepositInstructions, PayoutRequest } from '../../src/domain/payout-request.js';
import type { PayoutStatus } from '../../src/domain/payout-status.js';
import type { PayoutPolicy } from '../../src/domain/policy.js';

/** What `payoutWorkflow` is started with and can be told and asked. All of it is plain JSON and a wire format. */
export const PAYOUT_WORKFLOW_TYPE = 'payoutWorkflow';

/** What is asked for, by those who start the workflow without the API: it has its payouts in the store already. */
export interface PayoutWorkflowInput {
  readonly request?: PayoutRequest;
  /** Who asked. @default "unknown" */
  readonly maker?: string;
  /** What is left out has its default. */
  readonly policy?: Partial<PayoutPolicy>;
}

export interface PayoutWorkflowResult {
  readonly payoutId: string;
  /** Superseded: the run had nothing to do, because a later one carries the payout, or because it has ended. */
  readonly status: PayoutStatus | 'superseded';
}

/** A deposit was allocated to this payout: a reason to read in the store what is missing. */
export const depositAllocated = defineSignal('depositAllocated');

/** Money became available, and this payout is the next that waits for it: a reason to look, never evidence. */
export const balanceReleased = defineSignal('balanceReleased');

/** A brake was released: a reason to try again to send. */
export const brakeReleased = defineSignal('brakeReleased');

/** Something changed at QbitPay: a reason to read, never evidence. */
export const payoutEvent = defineSignal('payoutEvent');

/** The store says something else of the payout than its workflow shows: a reason to look there. */
export const storeChanged = defineSignal('storeChanged');

/** Answers when the payout is open, or has ended. */
export const openPayout = defineUpdate<{
  readonly status: PayoutStatus;
  readonly deposit: DepositInstructions | null;
}>('openPayout');

export interface Cancellation {
  readonly actor: string;
  readonly reason?: string | undefined;
}

/** Cancels; refused with {@link CANCEL_REFUSED} when it is too late. */
export const cancelPayout = defineUpdate<{ readonly status: PayoutStatus }, [Cancellation]>('cancelPayout');

/** Who decided, and why: both are written in the timeline. */
export interface OperatorDecision {
  readonly actor: string;
  readonly reason: string;
  /** The caller's name for it: carried out once, however often it comes. @default the id of the update */
  readonly operationId?: string | undefined;
  /**
   * What the store said to whoever decided: it is ahead of the workflow while the activity that wrote it has not
   * answered. It only lets the decision in; what becomes of it is the store's word. @default what the workflow knows
   */
  readonly seen?: SeenInStore | undefined;
}

export interface SeenInStore {
  readonly status: PayoutStatus;
  readonly holdReason: FailureType | null;
}

/** What the store says after an operation. */
export interface OperationResult {
  readonly status: PayoutStatus;
}

/** Puts a payout on hold. This and the operations below are refused with {@link OPERATION_REFUSED} where they make no sense. */
export const holdPayout = defineUpdate<OperationResult, [OperatorDecision]>('holdPayout');

export interface ResumeDecision extends OperatorDecision {
  /** Of a payout that is held for its price: it goes on at this one, or a better one. @default as before */
  readonly acceptPrice?: string | undefined;
}

/** Takes a held payout on. */
export const resumePayout = defineUpdate<OperationResult, [ResumeDecision]>('resumePayout');

/** Says what became of a request whose outcome is not known. */
export const resolvePayout = defineUpdate<OperationResult, [OperatorDecision & Resolution]>('resolvePayout');

export type Resolution =
  /** QbitPay has it under this id; or what QbitPay has under this id is somebody else's. */
  | { readonly action: 'adopt' | 'disown'; readonly providerPayoutId: string }
  /** It never arrived: send it again. */
  | { readonly action: 'resend' }
  /** It never arrived: end the payout. */
  | { readonly action: 'close' }
  /** The recipient was paid, by evidence from outside. */
  | { readonly action: 'paid' };

export interface RetryDecision extends OperatorDecision {
  /** Left out: the same again. */
  readonly destination?: Destination | undefined;
}

/** Makes a new attempt. */
export const retryPayout = defineUpdate<OperationResult, [RetryDecision]>('retryPayout');

export const getStatus = defineQuery<PayoutStatus>('getStatus');

/** By this a run fails that was started with another request than the one that the store has under the same id. */
export const REQUEST_CONFLICT = 'REQUEST_CONFLICT';

/** Failure types of the updates. */
export const CANCEL_REFUSED = 'CANCEL_REFUSED';
export const OPERATION_REFUSED = 'OPERATION_REFUSED';
