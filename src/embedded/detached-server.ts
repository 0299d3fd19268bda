import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, renameSync, statSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HAS_PROC = existsSync('/proc/self/stat');
const POLL_INTERVAL_MS = 50;
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;
const LOG_TAIL_LINES = 12;
const READY_INTERVAL_MS = 25;
const START_ATTEMPTS = 3;

/** What the embedded servers report while they start and stop; a pino logger fits. */
export interface EmbeddedLog {
  info(message: string): void;
  warn(message: string): void;
}

/** One escalation step of ending a process: the signal, and how long it may take to have its effect. */
interface StopStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/** What has to be known of a server to end it. */
export interface ServerIdentity {
  /** For messages: "PostgreSQL". */
  readonly name: string;
  /** Says which process it is, for whoever starts next. */
  readonly recordFile: string;
  /** `group` where the command may be a wrapper script; PostgreSQL wants its postmaster signalled alone. */
  readonly signalTarget: 'process' | 'group';
  /** From the polite signal to the last resort. */
  readonly stopSteps: readonly [StopStep, ...StopStep[]];
}

export interface DetachedServerOptions extends ServerIdentity {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited, so that no secret of the engine and no PG… variable leaks in. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly logFile: string;
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  readonly isReady: () => Promise<boolean>;
  readonly readyTimeoutMs: number;
}

/** A server that runs in its own process group and logs into a file. */
export interface DetachedServer {
  readonly pid: number;
  /** Ends it in order, bounded in time; may be called twice. @throws Error when it outlives the last step */
  stop(): Promise<void>;
}

/**
 * Starts a server in a process group of its own, and answers when it serves: Ctrl-C at a terminal signals the whole
 * foreground group, and a database that dies with it would take away what the engine needs for an orderly end. Its
 * output goes straight into a file, so that it also survives the death of this process; whoever starts next finds and
 * ends it.
 *
 * @throws Error with the last lines of the log when it ends instead, or is not ready in time; it has been stopped then
 */
export async function startDetachedServer(options: DetachedServerOptions): Promise<DetachedServer> {
  const { logFile, recordFile, stopSteps } = options;
  const logStart = rotateLog(logFile);
  const log = openSync(logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(options.command, options.args, {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: options.workingDirectory,
      env: options.environment,
      ...options.account,
    });
    await once(child, 'spawn');
  } finally {
    closeSync(log);
  }
  const pid = child.pid ?? 0;
  const target = targetOf(options, pid);
  // The engine may end without having stopped us (an error nobody caught): the server must not stay behind.
  const onProcessExit = (): void => sendSignal(target, stopSteps[0].signal);
  process.once('exit', onProcessExit);
  child.once('exit', () => process.off('exit', onProcessExit));
  const record = await recordProcess(recordFile, pid, 'w');
  const stop = async (): Promise<void> => {
    await stopProcess(record, target, stopSteps);
    await rm(recordFile, { force: true });
  };
  try {
    await waitUntilReady(options, child);
  } catch (error) {
    await stop();
    const tail = await readTail(logFile, logStart);
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(tail === '' ? reason : `${reason}; its last words:\n${tail}`, { cause: error });
  }
  let stopping: Promise<void> | undefined;
  return { pid, stop: () => (stopping ??= stop()) };
}

function targetOf({ signalTarget }: ServerIdentity, pid: number): number {
  return signalTarget === 'group' ? -pid : pid;
}

async function waitUntilReady(options: DetachedServerOptions, child: ChildProcess): Promise<void> {
  const { name, isReady, readyTimeoutMs } = options;
  const deadline = performance.now() + readyTimeoutMs;
  while (!(await isReady())) {
    const { exitCode, signalCode } = child;
    const end = signalCode ?? (exitCode === null ? undefined : `exit code ${exitCode}`);
    if (end !== undefined) throw new Error(`${name} ended while starting (${end})`);
    if (performance.now() > deadline)
      throw new Error(`${name} was not ready within ${readyTimeoutMs / 1000} s`);
    await delay(READY_INTERVAL_MS);
  }
}

/** Again, where another process took a port between its choice and the server's listening on it. */
export async function withFreePorts<Server>(start: () => Promise<Server>): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === START_ATTEMPTS || !/address already in use/i.test(String(error))) throw error;
    }
  }
}

/**
 * Ends the server that an engine killed by SIGKILL left running, if there is one. Nothing else is ever signalled.
 *
 * @returns the recorded pid where it belongs to another process now
 */
export async function stopLeftover(server: ServerIdentity, log: EmbeddedLog): Promise<number | undefined> {
  const record = await readProcessRecord(server.recordFile);
  if (record === undefined) return undefined;
  const { pid } = record;
  if (await isRunning(record)) {
    log.warn(`ending the ${server.name} (process ${pid}) that an engine before left behind`);
    await stopProcess(record, targetOf(server, pid), server.stopSteps);
  }
  await rm(server.recordFile, { force: true });
  return (await readIdentity(pid)) === undefined ? undefined : pid;
}

/** Keeps the log of the runs before while it is small; answers where this run begins. */
function rotateLog(logFile: string): number {
  const sizeBytes = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (sizeBytes <= LOG_LIMIT_BYTES) return sizeBytes;
  renameSync(logFile, `${logFile}.1`);
  return 0;
}

async function readTail(logFile: string, from: number): Promise<string> {
  const text = (await readFile(logFile)).subarray(from).toString('utf8').trimEnd();
  return text.split('\n').slice(-LOG_TAIL_LINES).join('\n');
}

/** A process as a file remembers it. Pids are dealt again, so a pid read from a file proves nothing by itself. */
interface ProcessRecord {
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
function sendSignal(pid: number, signal: NodeJS.Signals): void {
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
async function stopProcess(record: ProcessRecord, target: number, steps: readonly StopStep[]): Promise<void> {
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
