import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { isAtLeast, ROOT } from './install.mjs';
import { runCommand } from './run-command.mjs';

// The newest version that `go install` can build: later ones carry a `replace` directive in their go.mod.
const CLI_VERSION = 'v1.5.1';
const CLI_MODULE = 'github.com/temporalio/cli/cmd/temporal';
const MINIMUM_GO = [1, 25];
// Update-with-Start, which a payout begins with, is generally available from this server on.
const MINIMUM_SERVER = [1, 28];

const VERSION_TIMEOUT_MS = 20_000;
const DOWNLOAD_BEGINS_WITHIN_MS = 15_000;
const DOWNLOAD_TIMEOUT_MS = 300_000;
const BUILD_TIMEOUT_MS = 1_200_000;

const OPTIONS = `Options:
  - TEMPORAL_ADDRESS=host:port    use a Temporal server that runs already
  - TEMPORAL_CLI_PATH=/path/to/temporal    use this Temporal CLI
  - put the command \`temporal\` (server ${MINIMUM_SERVER.join('.')} or newer) on the PATH
  - install Go ${MINIMUM_GO.join('.')} or newer, and it is built from source`;

/**
 * The path of a Temporal CLI that brings its server along. Looks, in this order, at TEMPORAL_CLI_PATH, the PATH, our
 * cache and an earlier download of the SDK; when there is none, lets the SDK download one (needs node_modules), and
 * where that is impossible, builds it with Go. Every step is bounded in time.
 *
 * @param {{ environment?: NodeJS.ProcessEnv, say?: (line: string) => void }} [options]
 * @throws {Error} that lists the options when there is no way, or names TEMPORAL_CLI_PATH when that is wrong
 */
export async function ensureTemporalCli({ environment = process.env, say = console.error } = {}) {
  const found = await findTemporalCli({ environment, say });
  if (found) return found;
  const downloaded = await downloadWithSdk(environment, say);
  if (downloaded) return downloaded;
  if (await hasGo()) return buildWithGo(environment, say);
  throw new Error(`There is no Temporal server to run, and no way to get one.\n${OPTIONS}`);
}

/** The same without downloading or building anything: undefined when there is none yet. */
export async function findTemporalCli({ environment = process.env, say = console.error } = {}) {
  const named = environment.TEMPORAL_CLI_PATH;
  if (named) return checkNamedCli(resolve(named));
  for (const directory of (environment.PATH ?? '').split(delimiter)) {
    const candidate = join(directory, 'temporal');
    if (!isAbsolute(candidate) || !isExecutable(candidate)) continue;
    const complaint = await findComplaint(candidate);
    if (!complaint) return candidate;
    say(`Passing over ${candidate}: ${complaint}`);
  }
  // What lies in the cache got there complete and was tried out before.
  const cached = join(cacheDirectory(environment), CLI_VERSION, 'temporal');
  if (isExecutable(cached)) return cached;
  return findDownload(environment);
}

/** `${XDG_CACHE_HOME:-$HOME/.cache}/qbitpay-payouts/temporal-cli` */
export function cacheDirectory(environment) {
  const home = environment.HOME || homedir();
  return join(environment.XDG_CACHE_HOME || join(home, '.cache'), 'qbitpay-payouts', 'temporal-cli');
}

/** Undefined when the text of `temporal --version` names a server new enough; else what is wrong. */
export function judgeVersion(text) {
  const [, major, minor] = /\bServer (\d+)\.(\d+)/.exec(text) ?? [];
  if (major === undefined) return 'it does not say which Temporal server it brings';
  if (isAtLeast([Number(major), Number(minor)], MINIMUM_SERVER)) return undefined;
  return `it brings server ${major}.${minor}, and ${MINIMUM_SERVER.join('.')} is the oldest that will do`;
}

async function checkNamedCli(path) {
  const complaint = isExecutable(path) ? await findComplaint(path) : 'there is no such executable file';
  if (complaint) throw new Error(`TEMPORAL_CLI_PATH is ${path}, but ${complaint}.\n${OPTIONS}`);
  return path;
}

async function findComplaint(path) {
  try {
    const { output } = await runCommand(path, ['--version'], { quiet: true, timeoutMs: VERSION_TIMEOUT_MS });
    return judgeVersion(output);
  } catch (error) {
    if (error.code === undefined) throw error;
    return `it cannot be run (${error.code})`;
  }
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Our own folder, not the SDK's default: there a stranger on the same machine could lay a program of that name. */
function downloadDirectory(environment) {
  return join(cacheDirectory(environment), 'sdk-download');
}

function findDownload(environment) {
  const directory = downloadDirectory(environment);
  if (!existsSync(directory)) return undefined;
  return readdirSync(directory)
    .filter((name) => name.startsWith('temporal-sdk-') && !name.endsWith('.downloading'))
    .map((name) => join(directory, name))
    .find(isExecutable);
}

/** The SDK has no call that only downloads: starting its dev server is the way, and what it leaves is what we want. */
async function downloadWithSdk(environment, say) {
  if (!existsSync(join(ROOT, 'node_modules', '@temporalio', 'testing'))) return undefined;
  const directory = downloadDirectory(environment);
  await mkdir(directory, { recursive: true });
  say("Looking for a Temporal server to download (the SDK's own) …");
  const script = `
    const { TestWorkflowEnvironment } = await import('@temporalio/testing');
    const executable = { type: 'cached-download', downloadDir: ${JSON.stringify(directory)} };
    const environment = await TestWorkflowEnvironment.createLocal({ server: { executable } });
    await environment.teardown();`;
  const hasBegun = () => readdirSync(directory).length > 0;
  await runCommand(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: ROOT,
    env: { ...environment, NODE_OPTIONS: '' },
    quiet: true,
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
    everyMs: DOWNLOAD_BEGINS_WITHIN_MS,
    onInterval: (elapsedMs, giveUp) => {
      if (hasBegun()) say(`  … downloading for ${Math.round(elapsedMs / 1000)} s`);
      else giveUp();
    },
  });
  const found = findDownload(environment);
  if (!found) say('  … that did not work here.');
  return found;
}

async function hasGo() {
  try {
    const { output } = await runCommand('go', ['version'], { quiet: true, timeoutMs: VERSION_TIMEOUT_MS });
    const [, major, minor] = /\bgo(\d+)\.(\d+)/.exec(output) ?? [];
    return major !== undefined && isAtLeast([Number(major), Number(minor)], MINIMUM_GO);
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Built in a draft folder and renamed into place, so that the cache never holds half a program, and two who build at
 * the same time do each other no harm.
 */
async function buildWithGo(environment, say) {
  const target = join(cacheDirectory(environment), CLI_VERSION);
  await mkdir(target, { recursive: true });
  const draft = await mkdtemp(join(target, 'draft-'));
  try {
    say(`Building the Temporal CLI ${CLI_VERSION} with Go, once, into ${target}. It takes about 4 minutes …`);
    const args = ['install', '-ldflags=-s -w', `${CLI_MODULE}@${CLI_VERSION}`];
    const result = await runCommand('go', args, {
      cwd: draft,
      env: { ...environment, GOBIN: draft },
      timeoutMs: BUILD_TIMEOUT_MS,
      onInterval: (elapsedMs) => say(`  … still building, ${Math.round(elapsedMs / 1000)} s`),
    });
    const built = join(draft, 'temporal');
    const complaint = result.code === 0 ? await findComplaint(built) : 'the build failed (see above)';
    if (complaint) throw new Error(`No Temporal CLI from Go: ${complaint}.\n${OPTIONS}`);
    const cli = join(target, 'temporal');
    await rename(built, cli);
    say('  … built.');
    return cli;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
