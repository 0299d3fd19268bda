import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HAS_PROC = existsSync('/proc/self/cmdline');
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

/**
 * The command line of a process with its arguments joined by blanks; undefined when there is no such process
 * (or a zombie, which has none). Pids are reused, so a pid read from a file proves nothing without it.
 */
export async function readCommandLine(pid: number): Promise<string | undefined> {
  const text = HAS_PROC
    ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    : await askProcessStatus('command=', pid);
  const commandLine = text.replaceAll('\0', ' ').trim();
  return commandLine === '' ? undefined : commandLine;
}

/**
 * A text that differs between two processes that had the same pid one after the other (boot and start time);
 * undefined when there is no such process.
 */
export async function readProcessIdentity(pid: number): Promise<string | undefined> {
  if (!HAS_PROC) {
    const startedAt = (await askProcessStatus('lstart=', pid)).trim();
    return startedAt === '' ? undefined : startedAt;
  }
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // proc(5): the name in parentheses may hold blanks; the state is the first field after it, the start time the 20th.
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
  const startTime = fields[19];
  if (startTime === undefined || fields[0] === 'Z') return undefined;
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `${bootId.trim()}:${startTime}`;
}

async function askProcessStatus(column: string, pid: number): Promise<string> {
  const answer = await run('ps', ['-ww', '-o', column, '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return answer.stdout;
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
 * Ends a process that is not our child (a leftover of an engine that was killed), step by step.
 *
 * @param isStillOurs looked at before every signal, so that a reused pid is never signalled
 * @throws Error when it outlives every step
 */
export async function stopLeftoverProcess(
  target: number,
  isStillOurs: () => Promise<boolean>,
  steps: readonly StopStep[],
): Promise<void> {
  for (const { signal, waitMs } of steps) {
    if (!(await isStillOurs())) return;
    sendSignal(target, signal);
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += POLL_INTERVAL_MS) {
      await delay(POLL_INTERVAL_MS);
      if (!(await isStillOurs())) return;
    }
  }
  throw new Error(`the leftover process ${Math.abs(target)} did not end`);
}
