import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import ts from 'typescript';
import { choosePort } from '../../src/embedded/choose-port.js';
import { sharedServer } from '../support/shared-servers.js';
import { createDatabase } from '../support/test-database.js';

/*
 * The examples of the README, as pasted, against the engine as `npm start` runs it: in a folder of its own, on the
 * shared PostgreSQL and Temporal servers.
 */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const START = join(ROOT, 'dist', 'src', 'bin', 'start.js');
/** Bounds, not measures: machines are slow at times. */
const READY_TIMEOUT_MS = 200_000;
const STOP_TIMEOUT_MS = 60_000;

/** The code blocks of one language under a heading. */
function blocksOf(heading: string, language: string): string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const providerRequest = new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm');
  return [...section.matchAll(providerRequest)].map(([, code = '']) => code);
}

let folder: string;
let environment: NodeJS.ProcessEnv;
let engine: ChildProcess;
let output = '';

beforeAll(async () => {
  if (!existsSync(START))
    throw new Error(`${START} is missing: run the tests by npm test, which builds first`);
  folder = await mkdtemp(join(tmpdir(), 'qbitpay-payouts-readme-'));
  const name = `readme_${Date.now()}`;
  environment = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    DATABASE_URL: await createDatabase(name),
    TEMPORAL_ADDRESS: sharedServer('TEST_TEMPORAL_ADDRESS'),
    TEMPORAL_TASK_QUEUE: name,
    PORT: String(await choosePort({ variable: 'PORT' })),
  };
  engine = spawn(process.execPath, [START, '--no-demo'], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [engine.stdout, engine.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const endpoints = join(folder, '.payouts', 'endpoints.json');
  for (const deadline = Date.now() + READY_TIMEOUT_MS; !existsSync(endpoints); await delay(50)) {
    if (engine.exitCode !== null || Date.now() > deadline) throw new Error(`it did not start:\n${output}`);
  }
});

afterAll(async () => {
  await stopEngine();
  const connection = await Connection.connect({ address: sharedServer('TEST_TEMPORAL_ADDRESS') });
  const schedule = `reconcile/${environment['TEMPORAL_TASK_QUEUE'] ?? ''}`;
  await new Client({ connection }).schedule
    .getHandle(schedule)
    .delete()
    .catch(() => undefined);
  await connection.close();
  await rm(folder, { recursive: true, force: true });
});

async function stopEngine(): Promise<void> {
  if (engine.exitCode !== null || engine.signalCode !== null) return;
  const kill = setTimeout(() => engine.kill('SIGKILL'), STOP_TIMEOUT_MS);
  engine.kill('SIGINT');
  await once(engine, 'exit');
  clearTimeout(kill);
}

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(command: string, args: readonly string[], input = ''): Promise<Result> {
  const child = spawn(command, args, { cwd: folder, env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

test('the blocks of "Try it" work as pasted, also a second time', async () => {
  const blocks = blocksOf('Try it', 'bash');
  expect(blocks).toHaveLength(9);
  // What `npm run` needs of the project's folder.
  for (const name of ['package.json', 'dist', 'node_modules'])
    await symlink(join(ROOT, name), join(folder, name));
  // Read from standard input, as from a terminal: one line after the other, in one shell.
  const pasted = blocks.join('\necho =====\n');
  const { code, stdout, stderr } = await run('bash', [], `${pasted}\nsleep 1\necho =====\n${pasted}`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });

  const answers = stdout.split('=====\n');
  expect(answers).toHaveLength(18);
  for (const round of [answers.slice(0, 9), answers.slice(9)]) {
    const [created, , watched, timeline, cancelled, found, held, fromBalance, books] = round;
    expect(created).toContain('"status":"awaiting_deposit"');
    expect(watched?.trim().split('\n').at(-1)).toBe('paid');
    expect(timeline).toMatch(/^opening {2}.*\npaid {2}\S+ {2}settled\n$/s);
    expect(cancelled).toContain('"status":"cancelled"');
    expect(found?.trim().split('\n').at(-1)).toBe('paid');
    expect(held).toContain('"reason":"HELD_BY_OPERATOR"');
    expect(held?.trim().split('\n').at(-1)).toBe('awaiting_deposit');
    expect(fromBalance).toContain('"status":"allocated"');
    expect(fromBalance).toContain('"funding":"balance"');
    expect(books).toContain('"cause":"reservation"');
    expect(books).toContain('compared ');
  }
});

test('a payout is started as the snippet for Temporal clients does', async () => {
  const [snippet = ''] = blocksOf('Trigger payouts from a backend', 'ts');
  // As a reader's own compiler would make it.
  const compiled = ts.transpile(snippet, { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext });
  await writeFile(join(folder, 'trigger.mjs'), compiled);
  const { code, stdout, stderr } = await run(process.execPath, ['trigger.mjs']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^inv-\d+ awaiting_deposit {[^}]*amount: '500.\d{6}'[^}]*}\n$/);
});

test('the line for an API key gives a setting that is accepted', async () => {
  const [block = ''] = blocksOf('Configuration', 'bash');
  const { stdout } = await run('bash', [], block);
  expect(stdout).toMatch(/^give to the caller: \S{32}\nPAYOUTS_API_KEYS=shop:create\+read:[0-9a-f]{64}\n$/);
});

test('the engine ends in order, and takes its endpoints back', async () => {
  await stopEngine();
  expect({ code: engine.exitCode, output }).toMatchObject({ code: 0 });
  expect(existsSync(join(folder, '.payouts', 'endpoints.json'))).toBe(false);
});
