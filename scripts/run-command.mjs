import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const KILL_AFTER_MS = 10_000;

/** A signal ended the work; the process should exit with `exitCode`, as a shell would report it. */
export class InterruptedError extends Error {
  constructor(signal) {
    super(`interrupted by ${signal}`);
    this.name = 'InterruptedError';
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * Runs a command to its end, in a process group of its own: a terminal's Ctrl-C then reaches only us, and we end the
 * command with everything it started, once, and wait for it, so that nothing stays behind.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean, timeoutMs?: number,
 *   everyMs?: number, onInterval?: (elapsedMs: number, giveUp: () => void) => void }} [options]
 *   quiet: nothing is printed, the output is in the answer; onInterval: called every `everyMs` while it runs
 * @returns {Promise<{ code: number | null, signal: string | null, output: string }>} whatever it ended with
 * @throws {InterruptedError} when we got a signal meanwhile; {Error} when the command cannot be started
 */
export function runCommand(command, args, options = {}) {
  const { cwd, env = process.env, quiet = false, timeoutMs, everyMs = 15_000, onInterval } = options;
  const startedAt = performance.now();
  const child = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk) => (output += chunk));
  }
  let interruptedBy;
  let killTimer;
  const end = (signal) => {
    killGroup(child.pid, signal);
    killTimer ??= setTimeout(() => killGroup(child.pid, 'SIGKILL'), KILL_AFTER_MS);
  };
  const onSignal = (signal) => {
    interruptedBy ??= signal;
    end(signal);
  };
  for (const signal of FORWARDED_SIGNALS) process.on(signal, onSignal);
  const timeout = timeoutMs && setTimeout(() => end('SIGTERM'), timeoutMs);
  const interval =
    onInterval && setInterval(() => onInterval(performance.now() - startedAt, () => end('SIGTERM')), everyMs);

  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (interruptedBy) reject(new InterruptedError(interruptedBy));
      else resolve({ code, signal, output });
    });
  }).finally(() => {
    for (const signal of FORWARDED_SIGNALS) process.off(signal, onSignal);
    clearTimeout(timeout);
    clearTimeout(killTimer);
    clearInterval(interval);
  });
}

function killGroup(pid, signal) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Runs a script's main function: an error becomes one line and an exit code, never a stack of ours. */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof InterruptedError)) console.error(`\n${error.message}`);
    process.exit(error.exitCode ?? 1);
  }
}
