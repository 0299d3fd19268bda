import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HAS_PROC = existsSync('/proc/self/stat');
const POLL_INTERVAL_MS = 50;

/** What the embedded servers report while they start and stop; a pino logger fits. */
export interface EmbeddedLog {
  info(message: string): void;
  warn(message: string): void;
}

/** One escalation step of ending a process: the signal, and how long it may take to have its effect. */
export interface StopStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/** A process as a file remembers it. Pids are dealt again, so a pid read from a file proves nothing by itself. */
export interface ProcessRecord {
  readonly pid: number;
  readonly identity: string;
}

/** Writes down which process it is; `wx` as the flag refuses to replace a record. */
export async function recordProcess(file: string, pid: number, flag: 'w' | 'wx'): Promise<ProcessRecord> {
  const record = { pid, identity: (await readIdentity(pid)) ?? '' };
  await writeFile(file, JSON.stringify(record), { flag, mode: 0o600 });
  return record;
}

/** Undefined where there is no record, or one that was cut short by the death of its writer. */
export async function readProcessRecord(file: string): Promise<ProcessRecord | undefined> {
  try {
    const { pid, identity } = JSON.parse(await readFile(file, 'utf8')) as Partial<ProcessRecord>;
    return typeof pid === 'number' && pid > 1 && typeof identity === 'string' ? { pid, identity } : undefined;
  } catch {
    return undefined;
  }
}

export async function isRunning({ pid, identity }: ProcessRecord): Promise<boolean> {
  return (await readIdentity(pid)) === identity;
}

/**
 * A text that differs between two processes that had the same pid one after the other (boot and start time);
 * undefined when there is no such process, or only its end is still to be noticed.
 */
export async function readIdentity(pid: number): Promise<string | undefined> {
  if (!HAS_PROC) {
    const answer = await run('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
    return answer.stdout.trim() || undefined;
  }
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // proc(5): the name in parentheses may hold blanks; the state is the first field after it, the start time the 20th.
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
  const startTime = fields[19];
  if (startTime === undefined || fields[0] === 'Z') return undefined;
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `${bootId.trim()}:${startTime}`;
}

/** Sends a signal; a process (or, with a negative number, a process group) that is gone already is fine. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Ends a process step by step; before every signal it looks whether the pid is still that process's.
 *
 * @param target the pid, or negative its group
 * @throws Error when it outlives every step
 */
export async function stopProcess(
  record: ProcessRecord,
  target: number,
  steps: readonly StopStep[],
): Promise<void> {
  for (const { signal, waitMs } of steps) {
    if (!(await isRunning(record))) return;
    // Whatever it started goes with it at last.
    sendSignal(signal === 'SIGKILL' ? -record.pid : target, signal);
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += POLL_INTERVAL_MS) {
      await delay(POLL_INTERVAL_MS);
      if (!(await isRunning(record))) return;
    }
  }
  throw new Error(`process ${record.pid} did not end`);
}
