import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runCommand } from '../../../scripts/run-command.mjs';
import {
  cacheDirectory,
  ensureTemporalCli,
  findTemporalCli,
  judgeVersion,
} from '../../../scripts/temporal-cli.mjs';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'qbitpay-payouts-scripts-'));
});
afterEach(() => rm(root, { recursive: true }));

const CURRENT = 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)';
const OLD = 'temporal version 1.0.0 (Server 1.24.2, UI 2.28.0)';

async function writeCli(path: string, version: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho '${version}'\n`, { mode: 0o755 });
  return path;
}

function find(environment: Record<string, string>, said: string[] = []): Promise<string | undefined> {
  const nowhere = { PATH: '', HOME: root };
  return findTemporalCli({
    environment: { ...nowhere, ...environment },
    say: (line) => void said.push(line),
  });
}

test('the one that is named goes before all others', async () => {
  const named = await writeCli(join(root, 'named'), CURRENT);
  const onPath = await writeCli(join(root, 'bin', 'temporal'), CURRENT);
  expect(await find({ TEMPORAL_CLI_PATH: named, PATH: dirname(onPath) })).toBe(named);
});

test.each([
  ['is missing', undefined, 'there is no such executable file'],
  ['is too old', OLD, 'it brings server 1.24, and 1.28 is the oldest that will do'],
  ['is another program', 'hello', 'it does not say which Temporal server it brings'],
])('one that is named and %s is an error that says so', async (_case, version, complaint) => {
  const named = join(root, 'named');
  if (version !== undefined) await writeCli(named, version);
  await expect(find({ TEMPORAL_CLI_PATH: named })).rejects.toThrow(
    `TEMPORAL_CLI_PATH is ${named}, but ${complaint}`,
  );
});

test('the first on the PATH that is new enough is taken, aloud', async () => {
  const old = await writeCli(join(root, 'a', 'temporal'), OLD);
  const current = await writeCli(join(root, 'b', 'temporal'), CURRENT);
  const said: string[] = [];
  expect(await find({ PATH: `${dirname(old)}:${dirname(current)}` }, said)).toBe(current);
  expect(said).toEqual([expect.stringContaining(`Passing over ${old}`)]);
});

test('the cache serves, in XDG_CACHE_HOME and else in .cache, and a download after it', async () => {
  expect(await find({})).toBeUndefined();
  const download = join(cacheDirectory({ HOME: root }), 'sdk-download', 'temporal-sdk-typescript-1.24.0');
  await writeCli(`${download}.downloading`, CURRENT);
  expect(await find({})).toBeUndefined();
  await writeCli(download, CURRENT);
  expect(await find({})).toBe(download);
  const cached = join(root, '.cache', 'qbitpay-payouts', 'temporal-cli', 'v1.5.1', 'temporal');
  await writeCli(cached, CURRENT);
  expect(await find({})).toBe(cached);
  const elsewhere = join(root, 'xdg', 'qbitpay-payouts', 'temporal-cli', 'v1.5.1', 'temporal');
  await writeCli(elsewhere, CURRENT);
  expect(await find({ XDG_CACHE_HOME: join(root, 'xdg') })).toBe(elsewhere);
});

test('what is found is what is used, without a word', async () => {
  const named = await writeCli(join(root, 'named'), CURRENT);
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  expect(await ensureTemporalCli({ environment: { TEMPORAL_CLI_PATH: named }, say })).toBe(named);
  expect(said).toEqual([]);
});

test.each([
  ['temporal version 0.0.0-DEV (Server 1.28.0, UI 2.0.0)', undefined],
  ['temporal version 2.0.0 (Server 2.0.0, UI 3.0.0)', undefined],
  ['temporal version 1.2.0 (Server 1.27.9, UI 2.0.0)', expect.stringContaining('1.27')],
])('%s', (text, complaint) => {
  expect(judgeVersion(text)).toEqual(complaint);
});

test('a command that takes too long is ended', async () => {
  expect(await runCommand('sleep', ['600'], { quiet: true, timeoutMs: 50 })).toMatchObject({
    code: null,
    signal: 'SIGTERM',
  });
});

test('a command that is given up is ended with everything it started', async () => {
  const pidFile = join(root, 'pid');
  const script = `sleep 600 & echo "$!" > '${pidFile}'; wait`;
  const onInterval = (_elapsedMs: number, giveUp: () => void): void => {
    if (existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n')) giveUp();
  };
  const result = await runCommand('sh', ['-c', script], { quiet: true, everyMs: 20, onInterval });
  expect(result.signal).toBe('SIGTERM');
  const started = Number(readFileSync(pidFile, 'utf8'));
  expect(started).toBeGreaterThan(1);
  // `close` came after the sleeper had closed its output as well: it is gone, or about to be reaped.
  const { output } = await runCommand('ps', ['-o', 'stat=', '-p', String(started)], { quiet: true });
  expect(output.trim()).toMatch(/^(Z.*)?$/);
});
