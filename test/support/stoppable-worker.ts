import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Environment } from '../../src/config/config.js';
import type { Milestone } from '../../src/domain/milestone.js';
import { BUNDLE_VARIABLE } from '../faults/campaign-bundle.js';
import { CRASH_LINE, CRASHES_VARIABLE, type Crash } from '../faults/crash-points.js';

/**
 * A worker in a process of its own that stops itself, by SIGSTOP, at milestones: the fault campaign's, whose POSTs
 * have a deadline of a second.
 */
export interface StoppableWorker {
  /** Resolves when it stopped itself at the milestone for the n-th time, from 1. */
  untilStopped(milestone: Milestone, arrival: number): Promise<void>;
  /** SIGSTOP. */
  stop(): void;
  /** SIGCONT. */
  goOn(): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

export const POST_DEADLINE_MS = 1_000;

const START_TIMEOUT_MS = 30_000;
const READY = 'worker takes tasks';

export async function startStoppableWorker(
  env: Environment,
  stops: readonly (readonly [Milestone, number])[],
): Promise<StoppableWorker> {
  const script = join(process.cwd(), 'dist', 'test', 'faults', 'worker-process.js');
  if (!existsSync(script))
    throw new Error(`${script} is missing: run the tests by npm test, which builds first`);
  const crashes = stops.map(([point, arrival]): Crash => {
    return { id: nameOf(point, arrival), point, arrival, action: 'stop', arrives: true };
  });
  const child = spawn(process.execPath, [script], {
    env: {
      ...{ PATH: process.env['PATH'], HOME: process.env['HOME'] },
      ...env,
      [CRASHES_VARIABLE]: JSON.stringify(crashes),
      [BUNDLE_VARIABLE]: join(process.cwd(), 'dist', 'workflow-bundle.js'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = new Lines(child);
  await said.until((line) => line.includes(READY), START_TIMEOUT_MS);
  return {
    untilStopped: (milestone, arrival) =>
      said.until((line) => line === `${CRASH_LINE}${nameOf(milestone, arrival)}`, START_TIMEOUT_MS),
    stop: () => void child.kill('SIGSTOP'),
    goOn: () => void child.kill('SIGCONT'),
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

const nameOf = (milestone: Milestone, arrival: number): string => `${milestone}-${arrival}`;

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

  /** One at a time. */
  async until(isWanted: (line: string) => boolean, timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => {
        reject(new Error(`${why}; its last words: ${this.#lines.slice(-5).join('\n')}`));
      };
      const late = setTimeout(() => fail('it did not say so in time'), timeoutMs);
      const onExit = (): void => {
        clearTimeout(late);
        fail('it ended');
      };
      this.#child.once('exit', onExit);
      this.#look = () => {
        if (!this.#lines.some(isWanted)) return;
        clearTimeout(late);
        this.#child.off('exit', onExit);
        this.#look = () => undefined;
        resolve();
      };
      this.#look();
    });
  }
}
