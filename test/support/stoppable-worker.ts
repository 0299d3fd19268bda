import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { WORKFLOW_BUNDLE_PATH } from '../../src/bin/project-files.js';
import type { Environment } from '../../src/config/config.js';
import type { CallPoint } from '../faults/crash-points.js';
import { untilAnswer } from './until-answer.js';

/** A worker in a process of its own that freezes at crash points, by SIGSTOP, when it is told to. */
export interface StoppableWorker {
  /** As Temporal knows it. */
  readonly identity: string;
  /** It stops the next time that it comes to the crash point; also when it is frozen now. */
  stopAt(crashPoint: CallPoint): Promise<void>;
  /** Resolves when it has stopped where it was told to. */
  untilStopped(): Promise<void>;
  /** SIGSTOP; resolves when it is frozen. */
  stop(): Promise<void>;
  /** SIGCONT. */
  continue(): void;
  /** What becomes of the next such POST: `accepted`, or `failed: ` and why. */
  outcomeOf(operation: 'createOrder' | 'createPayout'): Promise<string>;
  /** SIGTERM: what it is doing comes to its end. Resolves with the exit code. */
  terminate(): Promise<number | null>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

/** A request of this worker that is not on its way by then never leaves. */
export const POST_DEADLINE_MS = 3_000;
export const TOO_LATE = 'failed: ERR_POST_DEADLINE';

/** A bound, not a measure. */
const SAID_TIMEOUT_MS = 200_000;
const READY = 'worker takes tasks';

export async function startStoppableWorker(
  env: Environment,
  workflowBundlePath = WORKFLOW_BUNDLE_PATH,
): Promise<StoppableWorker> {
  if (!existsSync(workflowBundlePath))
    throw new Error(`${workflowBundlePath} is missing: run the tests by npm test, which builds first`);
  const directory = await mkdtemp(join(tmpdir(), 'qbitpay-payouts-stoppable-'));
  const stopFile = join(directory, 'stop-at');
  await writeFile(stopFile, '');
  const child = spawn(process.execPath, [join('test', 'support', 'stoppable-worker-process.mjs')], {
    env: {
      ...{ PATH: process.env['PATH'], HOME: process.env['HOME'] },
      ...env,
      STOP_FILE: stopFile,
      POST_DEADLINE_MS: String(POST_DEADLINE_MS),
      WORKFLOW_BUNDLE: workflowBundlePath,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = new Lines(child);
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    }
    await rm(directory, { recursive: true, force: true });
    return child.exitCode;
  };
  try {
    await said.next((line) => line.includes(READY));
  } catch (error) {
    await end('SIGKILL');
    throw error;
  }
  return {
    identity: `${child.pid ?? ''}@`,
    stopAt: (crashPoint) => writeFile(stopFile, crashPoint),
    untilStopped: async () => {
      await said.next((line) => line.startsWith('stops at '));
      // It says so just before: SIGCONT must not overtake its own SIGSTOP.
      await untilFrozen(child);
    },
    stop: async () => {
      child.kill('SIGSTOP');
      await untilFrozen(child);
    },
    continue: () => void child.kill('SIGCONT'),
    outcomeOf: async (operation) => {
      const line = await said.next((one) => one.startsWith(`${operation} `));
      return line.slice(operation.length + 1);
    },
    terminate: () => end('SIGTERM'),
    kill: () => end('SIGKILL').then(() => undefined),
  };
}

async function untilFrozen({ pid }: ChildProcess): Promise<void> {
  await untilAnswer(
    () => promisify(execFile)('ps', ['-o', 'stat=', '-p', String(pid)]),
    ({ stdout }) => stdout.startsWith('T'),
    'the process frozen',
  );
}

/** What a process says, for whoever waits for a line of it. */
class Lines {
  readonly #lines: string[] = [];
  readonly #child: ChildProcess;
  #look: () => void = () => undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#lines.push(line);
        this.#look();
      });
    }
  }

  /** The first such line after the one that was awaited last. One at a time. */
  async next(isWanted: (line: string) => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        reject(new Error(`${why}; its last words: ${this.#lines.slice(-5).join('\n')}`));
      };
      const late = setTimeout(() => fail('it did not say so in time'), SAID_TIMEOUT_MS);
      const onExit = (): void => {
        clearTimeout(late);
        fail('it ended');
      };
      this.#child.once('exit', onExit);
      this.#look = () => {
        const found = this.#lines.findIndex(isWanted);
        if (found < 0) return;
        const [line = ''] = this.#lines.splice(0, found + 1).slice(-1);
        clearTimeout(late);
        this.#child.off('exit', onExit);
        this.#look = () => undefined;
        resolve(line);
      };
      this.#look();
    });
  }
}
