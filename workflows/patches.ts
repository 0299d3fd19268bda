/**
 * Changes that payouts which run already must not see in the middle of what they do: each is asked for with
 * `patched(…)`, and goes when no payout from before it runs any more.
 */
export const PATCH = {
  /** A held payout is watched: its request is looked for, and what the book learns meanwhile is adopted. */
  WATCH_HELD: 'watch-held',
} as const;
