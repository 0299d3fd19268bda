/** What can be asked of deposit workflows from outside; the API's only way to them. */
export interface DepositGateway {
  /**
   * Starts the workflow that verifies and allocates a deposit nobody announced, or finds the one that does.
   * @throws TemporalUnavailableError when it is not known whether anything was started.
   */
  record(deposit: DepositToRecord): Promise<RecordedDeposit>;
  /** Carries out a person's decision about a unallocated deposit. @throws TemporalUnavailableError */
  assign(depositId: string, decision: AssignmentDecision): Promise<AssignOutcome>;
  /** Has a unallocated deposit matched again: its transaction was declared. @throws TemporalUnavailableError */
  matchAgain(depositId: string): Promise<void>;
}

export interface DepositToRecord {
  /** Normalised. */
  readonly txHash: string;
  readonly currency: string;
  readonly amount: string;
}

export interface RecordedDeposit {
  /** The deposit's key, which its workflow is named by. */
  readonly depositId: string;
  /** False when a workflow for this deposit was there already. */
  readonly created: boolean;
}

export interface AssignmentDecision {
  /** Parts that add up to the deposit exactly, or all of it to the available balance. */
  readonly to: 'available' | readonly { readonly payoutId: string; readonly amount: string }[];
  /** Name of the API key of the person who decided it. */
  readonly actor: string;
}

export type AssignOutcome =
  | { readonly kind: 'assigned' }
  /** It cannot go there; the message says why. */
  | { readonly kind: 'refused'; readonly message: string }
  /** No workflow waits for a decision about this deposit; the store knows the rest. */
  | { readonly kind: 'unknown' };
