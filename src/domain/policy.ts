/**
 * How long a payout waits for what. Part of the workflow's input, so that it is recorded with the payout
 * and does not change under it when a setting changes.
 */
export interface PayoutPolicy {
  /** How long a payout waits for its deposit. @default 86400 (a day) */
  readonly depositDeadlineSeconds: number;
  /** How much worse than the estimate the price may get; the expected deposit is larger by as much. Basis points. @default 100 */
  readonly maxSlippageBps: number;
  /** How long a funded payout looks for a usable price before it is held. @default 3600 */
  readonly convertTimeoutSeconds: number;
  /** How long after it was sent a request that QbitPay does not show is still looked for. @default 900 (15 minutes) */
  readonly unknownOutcomeWaitSeconds: number;
  /** How many readings of all of QbitPay's list, without it, it takes to believe that it never arrived. @default 3 */
  readonly absenceChecks: number;
  /** How long after QbitPay refused it a request is still looked for, before the refusal counts. @default 150 */
  readonly refusalWaitSeconds: number;
  /** What becomes of a payout that QbitPay accepted and then failed or cancelled. @default fail */
  readonly onFailedAttempt: 'fail' | 'hold';
  /** The first pause after the provider (or the engine's own database) failed; doubles from then on. @default 1000 */
  readonly retryInitialMs: number;
  /** The longest such pause. @default 300000 (5 minutes) */
  readonly retryMaxMs: number;
}

export const DEFAULT_PAYOUT_POLICY: PayoutPolicy = {
  depositDeadlineSeconds: 86_400,
  maxSlippageBps: 100,
  convertTimeoutSeconds: 3_600,
  unknownOutcomeWaitSeconds: 900,
  absenceChecks: 3,
  refusalWaitSeconds: 150,
  onFailedAttempt: 'fail',
  retryInitialMs: 1_000,
  retryMaxMs: 300_000,
};

/**
 * The pause before attempt `attempt` + 1, in milliseconds: doubles from `initialMs` up to `maxMs`, and `random`
 * (0 to 1) takes up to half of it off, so that payouts that failed together do not come back together.
 */
export function backoffMs(attempt: number, initialMs: number, maxMs: number, random: number): number {
  const longest = Math.min(initialMs * 2 ** Math.min(attempt - 1, 30), maxMs);
  return Math.round(longest * (1 - random / 2));
}
