import type { Destination } from '../domain/destination.js';
import type { FailureType } from '../domain/failure-type.js';
import type { PayoutRequest } from '../domain/payout-request.js';
import type { PayoutStatus } from '../domain/payout-status.js';

/** What can be asked of payout workflows from outside; the API's only way to Temporal. */
export interface PayoutGateway {
  /**
   * Starts the payout workflow, or finds the one that runs, and waits up to 10 s for it to be open.
   * @throws TemporalUnavailableError when it is not known whether anything was started.
   */
  open(opening: PayoutOpening): Promise<OpenOutcome>;
  /** The running workflow of a payout that the store does not know yet. @throws TemporalUnavailableError */
  findOpening(payoutId: string): Promise<OpeningPayout | undefined>;
  /** @throws TemporalUnavailableError */
  cancel(payoutId: string, actor: string, reason?: string): Promise<CancelOutcome>;
  /** Carries out what a person decided. @throws TemporalUnavailableError */
  operate(payoutId: string, operation: PayoutOperation): Promise<OperateOutcome>;
  /** Rejects when Temporal cannot be reached. */
  ping(): Promise<void>;
}

export interface PayoutOpening {
  readonly request: PayoutRequest;
  readonly requestHash: string;
  /** Name of the API key that asks. */
  readonly maker: string;
  /** Unique per call; comes back in the store as `openRequestId` of the call that really started it. */
  readonly openRequestId: string;
}

export type OpenOutcome =
  /** The workflow answered; the store has the payout (also when it was rejected). */
  | { readonly kind: 'opened' }
  /** Started and not open yet: no worker, or the provider does not answer. */
  | { readonly kind: 'opening' }
  /** The id belongs to a payout with other content. */
  | { readonly kind: 'conflict' }
  /** A workflow with this id has ended. The store says how. */
  | { readonly kind: 'ended' };

/** What is known of a payout before it is in the store: from the workflow's memo and search attributes. */
export interface OpeningPayout {
  readonly payoutId: string;
  readonly requestHash: string | undefined;
  readonly amount: string | undefined;
  readonly currency: string | undefined;
  readonly amountMode: string | undefined;
  readonly holdReason: FailureType | undefined;
  readonly startedAt: Date;
}

/**
 * `actor` is the name of the API key; it and the reason are written in the timeline. `seen` is what the store says of
 * the payout, where it is there: the workflow may not know it yet.
 */
export type PayoutOperation = {
  /** Of its caller: the same one again changes nothing. @default a new one */
  readonly idempotencyKey?: string | undefined;
  readonly actor: string;
  readonly reason: string;
  readonly seen?: { readonly status: PayoutStatus; readonly holdReason: FailureType | null } | undefined;
} & (
  | { readonly operation: 'hold' | 'resume' }
  | {
      readonly operation: 'resolve';
      readonly action: 'adopt' | 'resend' | 'close';
      /** Of what is adopted. */
      readonly providerPayoutId?: string | undefined;
    }
  | { readonly operation: 'retry'; readonly destination?: Destination | undefined }
);

export type OperateOutcome =
  | { readonly kind: 'done' }
  /** It makes no sense for this payout now; the message says why. */
  | { readonly kind: 'refused'; readonly message: string }
  /** What is decided about could not be read at the provider; nothing was changed. */
  | { readonly kind: 'unreadable'; readonly message: string }
  /** No workflow runs under this id; the store knows the rest. */
  | { readonly kind: 'notRunning' };

export type CancelOutcome =
  | { readonly kind: 'cancelled' }
  /** The payout cannot be cancelled any more; the message says why. */
  | { readonly kind: 'refused'; readonly message: string }
  /** What may be at the provider could not be read there; nothing was changed. */
  | { readonly kind: 'unreadable'; readonly message: string }
  /** No workflow runs under this id; the store knows the rest. */
  | { readonly kind: 'notRunning' };

/** Temporal did not answer: whether the request took effect is not known. */
export class TemporalUnavailableError extends Error {
  override readonly name = 'TemporalUnavailableError';
}
