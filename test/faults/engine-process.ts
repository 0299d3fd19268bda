import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Environment } from '../../src/config/config.js';
import { PROJECT_ROOT } from '../../src/bin/project-files.js';
import { CRASH_LINE, type ProcessName } from './crash-points.js';

/** Worker or API, in a process of its own that dies like any other. */
export interface EngineProcess {
  readonly name: ProcessName;
  /** Resolves when it is gone. */
  readonly exited: Promise<void>;
  kill(): Promise<void>;
  /** Lets it go on after it was stopped. */
  continue(): void;
}

export interface EngineProcessOptions {
  readonly name: ProcessName;
  readonly env: Environment;
  readonly onLogLine: (line: string) => void;
  /** It has come to this crash, and dies or freezes now. */
  readonly onCrash: (crashId: string, process: EngineProcess) => void;
}

const READY: Readonly<Record<ProcessName, string>> = {
  worker: 'worker takes tasks',
  api: 'Server listening',
};
/** Not how fast it has to be: a busy machine takes its time. */
const START_TIMEOUT_MS = 120_000;

/** Resolves when it says that it is ready; rejects when it ends before. */
export async function startEngineProcess(options: EngineProcessOptions): Promise<EngineProcess> {
  const { name, env } = options;
  const child = spawn(
    process.execPath,
    [join(PROJECT_ROOT, 'dist', 'test', 'faults', `${name}-process.js`)],
    {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      // `npm run faults` may run from anywhere; a .env of that folder is not meant for the campaign.
      cwd: join(PROJECT_ROOT, 'dist'),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  // The campaign may end by an error that nobody caught: what it started must not stay behind.
  const endWithParent = (): void => void child.kill('SIGKILL');
  process.once('exit', endWithParent);
  const exited = once(child, 'exit').then(() => void process.off('exit', endWithParent));
  const engineProcess: EngineProcess = {
    name,
    exited,
    kill: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
    },
    continue: () => void child.kill('SIGCONT'),
  };
  await untilReady(child, options, (id) => options.onCrash(id, engineProcess));
  return engineProcess;
}

async function untilReady(
  child: ChildProcess,
  options: EngineProcessOptions,
  onCrash: (crashId: string) => void,
): Promise<void> {
  const lastLines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const fail = (reason: string): void =>
      reject(new Error(`${options.name} ${reason}: ${lastLines.join('\n')}`));
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      fail('was not ready in time');
    }, START_TIMEOUT_MS);
    const read = (line: string): void => {
      if (line.startsWith(CRASH_LINE)) return onCrash(line.slice(CRASH_LINE.length));
      options.onLogLine(line);
      lastLines.push(line.slice(0, 500));
      if (lastLines.length > 5) lastLines.shift();
      if (line.includes(READY[options.name])) {
        clearTimeout(late);
        resolve();
      }
    };
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', read);
    }
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      fail(`ended by ${String(code ?? signal)}`);
    });
  });
}
