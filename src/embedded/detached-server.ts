import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { sendSignal, type StopStep } from './running-process.js';

const LOG_LIMIT_BYTES = 10 * 1024 * 1024;
const LOG_TAIL_LINES = 12;
const READY_INTERVAL_MS = 25;

export interface DetachedServerOptions {
  /** For messages: "PostgreSQL". */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited, so that no secret of the engine and no PG… variable leaks in. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly logFile: string;
  readonly uid?: number;
  readonly gid?: number;
  /** `group` where the command may be a wrapper script; PostgreSQL wants its postmaster signalled alone. */
  readonly signalTarget: 'process' | 'group';
  /** From the polite signal to the last resort. */
  readonly stopSteps: readonly StopStep[];
}

/** A server that runs in its own process group and logs into a file. */
export interface DetachedServer {
  readonly pid: number;
  /** Resolves, with what it ended by, when the process is gone; never rejects. */
  readonly exited: Promise<string>;
  hasExited(): boolean;
  /** The last lines this run wrote into its log. */
  readLogTail(): Promise<string>;
  /** Ends it in order, bounded in time. @throws Error when it outlives the last step */
  stop(): Promise<void>;
}

/**
 * Starts a server in a process group of its own: Ctrl-C at a terminal signals the whole foreground group, and a
 * database that dies with it would take away what the engine needs for an orderly end. Its output goes straight
 * into a file, so that it also survives the death of this process; whoever starts next finds and ends it.
 */
export async function spawnDetachedServer(options: DetachedServerOptions): Promise<DetachedServer> {
  const logStart = rotateLog(options.logFile);
  const log = openSync(options.logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(options.command, options.args, {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: options.workingDirectory,
      env: options.environment,
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
    await once(child, 'spawn');
  } finally {
    closeSync(log);
  }
  return superviseServer(options, child, logStart);
}

function superviseServer(
  options: DetachedServerOptions,
  child: ChildProcess,
  logStart: number,
): DetachedServer {
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${options.name} has no process id`);
  const target = options.signalTarget === 'group' ? -pid : pid;
  let gone = false;
  const firstSignal = options.stopSteps[0]?.signal ?? 'SIGTERM';
  const onProcessExit = (): void => sendSignal(target, firstSignal);
  // The engine may end without having stopped us (an error nobody caught): the server must not stay behind.
  process.once('exit', onProcessExit);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      gone = true;
      process.off('exit', onProcessExit);
      resolve(signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`);
    });
  });
  let stopping: Promise<void> | undefined;
  return {
    pid,
    exited,
    hasExited: () => gone,
    readLogTail: () => readTail(options.logFile, logStart),
    stop: () => (stopping ??= gone ? Promise.resolve() : stopServer(options, pid, target, exited)),
  };
}

async function stopServer(
  { name, stopSteps }: DetachedServerOptions,
  pid: number,
  target: number,
  exited: Promise<string>,
): Promise<void> {
  for (const { signal, waitMs } of stopSteps) {
    sendSignal(signal === 'SIGKILL' ? -pid : target, signal);
    // The child itself keeps this process alive until then, the timer does not.
    const isGone = await Promise.race([exited.then(() => true), delay(waitMs, false, { ref: false })]);
    if (isGone) return;
  }
  throw new Error(`${name} (process ${pid}) did not end`);
}

/**
 * Asks until the server serves.
 *
 * @throws Error with the last lines of the log when the server ends instead, or is not ready in time; it has been stopped then
 */
export async function waitUntilReady(
  name: string,
  server: DetachedServer,
  isReady: () => Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  try {
    while (!(await isReady())) {
      if (server.hasExited()) throw new Error(`${name} ended while starting (${await server.exited})`);
      if (performance.now() > deadline) throw new Error(`${name} was not ready within ${timeoutMs / 1000} s`);
      await Promise.race([server.exited, delay(READY_INTERVAL_MS)]);
    }
  } catch (error) {
    if (!server.hasExited()) await server.stop();
    const tail = await server.readLogTail();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(tail === '' ? reason : `${reason}; its last words:\n${tail}`, { cause: error });
  }
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
