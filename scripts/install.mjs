import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runCommand } from './run-command.mjs';

const MINIMUM_NODE = [20, 19];
const SOURCE_FOLDERS = ['src', 'workflows', 'activities', 'bench', join('test', 'faults')];
const BUILD_SETTINGS = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
const BUILD_STAMP = join('dist', '.build-stamp');
const INSTALL_TIMEOUT_MS = 900_000;
const BUILD_TIMEOUT_MS = 300_000;

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Everything a fresh clone needs before code of ours can run: a fitting Node, the dependencies, the build. */
export async function prepareProject({ root = ROOT, say = console.error } = {}) {
  assertNodeVersion(process.versions.node);
  if (!isInstallCurrent(root)) await installDependencies(root, say);
  if (!isBuildCurrent(root)) await buildProject(root, say);
}

/**
 * Runs a program of the build in this process, not in a child: a signal then reaches it once, from whoever sends it, and
 * no wrapper can die before it has drained. It reads its own arguments as if it had been called directly.
 */
export async function runBuilt(...path) {
  process.setSourceMapsEnabled(true);
  process.argv[1] = join(ROOT, 'dist', ...path);
  await import(pathToFileURL(process.argv[1]).href);
}

/** @throws {Error} that names both versions when this Node is too old */
export function assertNodeVersion(version) {
  if (isAtLeast(version.split('.').map(Number), MINIMUM_NODE)) return;
  throw new Error(`Node ${MINIMUM_NODE.join('.')} or newer is needed, and this is Node ${version}.`);
}

/** Compares versions by their first two numbers. */
export function isAtLeast([major, minor], [leastMajor, leastMinor]) {
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

/**
 * True when node_modules holds what package-lock.json asks for. npm writes its own record into node_modules as the
 * last thing of an install, so an interrupted one has none; the two are compared by content, because a checkout
 * changes times without changing anything else.
 */
export function isInstallCurrent(root) {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(record);
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const found = installed[path];
    // An optional package is left out where it does not fit the platform.
    if (!found) return entry.optional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}

async function installDependencies(root, say) {
  say('Installing the dependencies (npm ci) …');
  // NODE_ENV=production in a shell would leave out the compiler that the build needs.
  const flags = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const what = 'Installing the dependencies';
  try {
    await runNpm(root, ['ci', ...flags], INSTALL_TIMEOUT_MS, what, say);
  } catch (error) {
    // npm ci compares the lock file with what the registry offers today, also for platforms that are not this one,
    // and refuses over any discrepancy. npm install takes the locked versions as well, and leaves both files alone.
    if (!/package-lock\.json .*in sync/.test(error.message)) throw error;
    say(
      '  … npm ci finds the lock file out of step with the registry: installing the locked versions (npm install) …',
    );
    await runNpm(root, ['install', '--no-save', ...flags], INSTALL_TIMEOUT_MS, what, say);
  }
}

/** True when the build was made from exactly the sources and settings that are there now. */
export function isBuildCurrent(root) {
  const stamp = join(root, BUILD_STAMP);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprintSources(root);
}

/** Names, sizes and times of all that goes into the build: also a removed source changes it. */
function fingerprintSources(root) {
  const hash = createHash('sha256');
  const files = SOURCE_FOLDERS.filter((folder) => existsSync(join(root, folder))).flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)),
  );
  for (const file of [...files, ...BUILD_SETTINGS].sort()) {
    const status = statSync(join(root, file), { throwIfNoEntry: false });
    if (status?.isFile()) hash.update(`${file}\0${status.size}\0${status.mtimeMs}\n`);
  }
  return hash.digest('hex');
}

async function buildProject(root, say) {
  say('Building …');
  const fingerprint = fingerprintSources(root);
  const stamp = join(root, BUILD_STAMP);
  // Without a stamp the last build did not finish, and the compiler's memory of what it wrote may be wrong.
  if (!existsSync(stamp)) rmSync(join(root, 'dist', '.tsbuildinfo'), { force: true });
  rmSync(stamp, { force: true });
  await runNpm(root, ['run', '--silent', 'build'], BUILD_TIMEOUT_MS, 'The build', say);
  writeFileSync(stamp, fingerprint);
}

/** @throws {Error} with npm's output when it fails */
async function runNpm(root, args, timeoutMs, what, say) {
  const [command, ...first] = npmCommand(process.env);
  const result = await runCommand(command, [...first, ...args], {
    cwd: root,
    quiet: true,
    timeoutMs,
    onInterval: (elapsedMs) => say(`  … still at it, ${Math.round(elapsedMs / 1000)} s`),
  });
  if (result.code === 0) return;
  throw new Error(
    `${result.output.trimEnd()}\n${what} failed (${result.signal ?? `exit code ${result.code}`}).`,
  );
}

/** The npm that called us, when it was npm, else the one on the PATH. */
function npmCommand({ npm_execpath: npm = '' }) {
  return basename(npm) === 'npm-cli.js' ? [process.execPath, npm] : ['npm'];
}
