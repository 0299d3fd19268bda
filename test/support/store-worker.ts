import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** carry-payouts.mjs in a process of its own. */
export interface StoreWorker {
  /** Resolves when it has said so many lines, or has ended before. */
  untilSaid(lines: number): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Its exit code; null after a kill. */
  readonly ended: Promise<number | null>;
  /** What it complained about. */
  readonly complaints: () => string;
}

export function startStoreWorker(url: string, payoutIds: readonly string[]): StoreWorker {
  const built = join(process.cwd(), 'dist', 'src', 'store', 'store.js');
  if (!existsSync(built))
    throw new Error(`${built} is missing: run the tests by npm test, which builds first`);
  const script = join(process.cwd(), 'test', 'support', 'carry-payouts.mjs');
  const child = spawn(process.execPath, [script, url, ...payoutIds], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let lines = 0;
  let complaints = '';
  child.stdout.on('data', (chunk: Buffer) => (lines += chunk.toString().split('\n').length - 1));
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return {
    ended,
    complaints: () => complaints,
    untilSaid: async (wanted) => {
      while (lines < wanted && child.exitCode === null) {
        await Promise.race([once(child.stdout, 'data'), ended]);
      }
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
