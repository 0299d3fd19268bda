import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Environment } from '../../src/config/config.js';

/** A part of the engine in a process of its own, as `npm run worker` or `npm run api` starts it. */
export interface PartProcess {
  readonly pid: number;
  /** SIGKILL: nothing is drained, nothing is said. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  terminate(): Promise<number | null>;
}

const START_TIMEOUT_MS = 200_000;

/** Starts the built part and resolves when its log has the line that says it is ready. */
export async function startPart(
  part: 'worker' | 'api',
  env: Environment,
  ready: string,
): Promise<PartProcess> {
  const child = spawn(process.execPath, [join('dist', 'src', 'bin', `${part}.js`)], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await untilLogged(child, ready);
  return {
    pid: child.pid ?? 0,
    kill: () => end(child, 'SIGKILL').then(() => undefined),
    terminate: () => end(child, 'SIGTERM'),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  const [code] = (await exited) as [number | null];
  return code;
}

async function untilLogged(child: ChildProcess, text: string): Promise<void> {
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`not ready in time: ${output}`)), START_TIMEOUT_MS);
    const look = (chunk: Buffer): void => {
      output += chunk.toString();
      if (!output.includes(text)) return;
      clearTimeout(late);
      resolve();
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('exit', (code) => reject(new Error(`ended with ${String(code)}: ${output}`)));
  });
}
