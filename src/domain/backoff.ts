/**
 * The pause before attempt `attempt` + 1, in milliseconds: doubles from `initialMs` up to `maxMs`, and `random`
 * (0 to 1) takes up to half of it off, so that payouts that failed together do not come back together.
 */
export function backoffMs(attempt: number, initialMs: number, maxMs: number, random: number): number {
  const longest = Math.min(initialMs * 2 ** Math.min(attempt - 1, 30), maxMs);
  return Math.round(longest * (1 - random / 2));
}
