import { existsSync, writeSync } from 'node:fs';
import { CALM_VARIABLE, CRASH_LINE, CRASHES_VARIABLE, type Crash } from './crash-points.js';
import type { CrashHook } from './with-crash-points.js';

/** Counts how often this process comes to each crash point, and ends or freezes it where the plan says so. */
export function createCrashHook(env: Readonly<Record<string, string | undefined>>): CrashHook {
  const crashes = JSON.parse(env[CRASHES_VARIABLE] ?? '[]') as readonly Crash[];
  const arrivals = new Map<string, number>();
  return (crashPoint) => {
    const arrival = (arrivals.get(crashPoint) ?? 0) + 1;
    arrivals.set(crashPoint, arrival);
    const crash = crashes.find((one) => one.point === crashPoint && one.arrival === arrival);
    if (crash !== undefined && !existsSync(env[CALM_VARIABLE] ?? '')) carryOut(crash);
    return Promise.resolve();
  };
}

/** Nothing may run in between: neither a timer nor an answer that has just come. */
function carryOut({ id, action }: Crash): void {
  writeSync(1, `${CRASH_LINE}${id}\n`);
  process.kill(process.pid, action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
}
