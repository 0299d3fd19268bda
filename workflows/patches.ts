/**
 * Changes that payouts which run already must not see in the middle of what they do: each is asked for with
 * `patched(…)`, and goes when no payout from before it runs any more.
 */
export const PATCH = {
  /** A held payout is watched: its request is looked for, and what the store learns meanwhile is adopted. */
  WATCH_HELD: 'watch-held',
  /** A deposit shows what it waits for again, when QbitPay answers after an outage. */
  SHOW_DEPOSIT_AGAIN: 'show-deposit-again',
  /** While a price or an order is asked for, the time for converting does not run: there may be an outage. */
  OUTAGE_IS_NOT_CONVERTING: 'outage-is-not-converting',
} as const;
