import { performance } from 'node:perf_hooks';

/**
 * A moment, in milliseconds on two clocks: the monotonic one (`performance.now()`), which nobody corrects, and the wall
 * clock, which goes on while the machine is suspended.
 */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function takeMoment(): Moment {
  return { monotonicMs: performance.now(), wallMs: Date.now() };
}

/** How long it is until then, by the clock that is further on. */
export function msUntil({ monotonicMs, wallMs }: Moment): number {
  return Math.min(monotonicMs - performance.now(), wallMs - Date.now());
}
