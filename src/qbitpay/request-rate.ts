import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** What is left in the bucket at a moment; below zero when requests already wait for tokens to come. */
export interface TokenBucket {
  readonly tokens: number;
  /** Milliseconds on a monotonic clock. */
  readonly atMs: number;
}

// One token: a fuller bucket would let a burst and the refill after it exceed the provider's limit together.
const CAPACITY = 1;

export function fullBucket(nowMs: number): TokenBucket {
  return { tokens: CAPACITY, atMs: nowMs };
}

/** Takes one token, on credit when there is none: `waitMs` is the time until it has really come in. */
export function takeToken(
  bucket: TokenBucket,
  nowMs: number,
  tokensPerSecond: number,
): { bucket: TokenBucket; waitMs: number } {
  const refill = (Math.max(0, nowMs - bucket.atMs) * tokensPerSecond) / 1000;
  const tokens = Math.min(CAPACITY, bucket.tokens + refill) - 1;
  const waitMs = tokens >= 0 ? 0 : Math.ceil((-tokens * 1000) / tokensPerSecond);
  return { bucket: { tokens, atMs: nowMs }, waitMs };
}

/**
 * Resolves when the next request may go out: in the order of the calls, but before all reads what moves money, which must
 * leave within seconds or not at all.
 */
export type WaitForTurn = (urgency: 'read' | 'post') => Promise<void>;

/** @throws RangeError unless `maxRequestsPerSecond` is above 0; fractions such as 0.5 are fine. */
export function createRequestRate(maxRequestsPerSecond: number): WaitForTurn {
  if (!Number.isFinite(maxRequestsPerSecond) || maxRequestsPerSecond <= 0) {
    throw new RangeError('maxRequestsPerSecond is not a number above 0');
  }
  let bucket = fullBucket(performance.now());
  let isServing = false;
  const waiting = { post: [] as (() => void)[], read: [] as (() => void)[] };
  // Who goes is decided when the token has come in.
  const serve = async (): Promise<void> => {
    isServing = true;
    while (waiting.post.length + waiting.read.length > 0) {
      const taken = takeToken(bucket, performance.now(), maxRequestsPerSecond);
      bucket = taken.bucket;
      if (taken.waitMs > 0) await sleep(taken.waitMs);
      (waiting.post.shift() ?? waiting.read.shift())?.();
    }
    isServing = false;
  };
  return (urgency) =>
    new Promise((resolve) => {
      waiting[urgency].push(resolve);
      if (!isServing) void serve();
    });
}
