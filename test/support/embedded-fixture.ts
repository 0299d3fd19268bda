import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readIdentity } from '../../src/embedded/detached-server.js';
import { openStateDirectory, type StateDirectory } from '../../src/embedded/state-directory.js';

/** Collects what the embedded servers say. */
export function recordLog(): { lines: string[]; info(line: string): void; warn(line: string): void } {
  const lines: string[] = [];
  const add = (line: string): void => void lines.push(line);
  return { lines, info: add, warn: add };
}

/** A state directory that the test removes at its end. */
export async function openTemporaryStateDirectory(): Promise<StateDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'qbitpay-payouts-embedded-'));
  return openStateDirectory({ path, log: recordLog() });
}

/** True while the process runs; one that ended and that nobody has waited for yet does not. */
export async function isRunning(pid: number): Promise<boolean> {
  return (await readIdentity(pid)) !== undefined;
}

/**
 * Runs one start function of src/embedded in another process, which is killed by SIGKILL as soon as the server
 * serves: what an engine leaves behind that had no chance to stop anything.
 *
 * @returns what the start function answered, as JSON
 */
export async function startInKilledProcess(
  module: string,
  functionName: string,
  options: Record<string, unknown>,
): Promise<{ pid: number }> {
  const built = join(process.cwd(), 'dist', 'src', 'embedded', module);
  if (!existsSync(built))
    throw new Error(`${built} is missing: run the tests by npm test, which builds first`);
  const script = `
    const { ${functionName} } = await import(${JSON.stringify(pathToFileURL(built).href)});
    const log = { info: () => undefined, warn: () => undefined };
    const server = await ${functionName}({ ...${JSON.stringify(options)}, log });
    process.stdout.write(JSON.stringify(server) + '\\n', () => process.kill(process.pid, 'SIGKILL'));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (signal !== 'SIGKILL') throw new Error(`the process was to be killed, and ended by itself: ${output}`);
  return JSON.parse(output) as { pid: number };
}
