import { chmod, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { readProcessIdentity, type EmbeddedLog } from './running-process.js';
import { postgresHome } from './postgres-installation.js';
import { stopLeftoverPostgres } from './postgres.js';
import { stopLeftoverTemporalDevServer } from './temporal-dev-server.js';

/**
 * Says that a folder is ours to empty: `--fresh` with a path gone wrong must not delete somebody's files. A folder of
 * our own name needs no such proof (a simulator that ran on its own may have made it).
 */
const MARKER = '.qbitpay-payouts';
const OWN_NAME = '.payouts';
const LOCK = 'engine.lock';
const OWNER_ONLY = 0o700;
const LOCK_ATTEMPTS = 3;

/** Another engine that is alive owns the state directory. The message names its process. */
export class StateDirectoryInUseError extends Error {
  override readonly name = 'StateDirectoryInUseError';
}

export interface StateDirectoryOptions {
  readonly path: string;
  /** Begin with an empty one: everything stored there is deleted, also what root keeps outside. @default false */
  readonly fresh?: boolean;
  readonly log: EmbeddedLog;
}

/** A state directory that this process owns. */
export interface StateDirectory {
  /** Absolute. */
  readonly path: string;
  /** Gives the ownership back; the content stays. */
  release(): Promise<void>;
  /** Deletes it with everything in it, also what root keeps outside, and ends servers that were left running in it. */
  remove(): Promise<void>;
}

/**
 * Creates the folder that the embedded servers keep everything in (owner only), and takes the ownership of it: two
 * engines on one database file would destroy it. The ownership of an engine that was killed is taken over.
 *
 * @throws StateDirectoryInUseError when an engine that is alive owns it
 * @throws Error when the folder has content that is not ours
 */
export async function openStateDirectory({
  path,
  fresh = false,
  log,
}: StateDirectoryOptions): Promise<StateDirectory> {
  const directory = resolve(path);
  await createDirectory(directory);
  await takeLock(directory);
  const release = (): Promise<void> => rm(join(directory, LOCK), { force: true });
  try {
    if (fresh) await emptyDirectory(directory, log);
  } catch (error) {
    await release();
    throw error;
  }
  const remove = async (): Promise<void> => {
    await emptyDirectory(directory, log);
    await rm(directory, { recursive: true, force: true });
  };
  return { path: directory, release, remove };
}

async function createDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: OWNER_ONLY });
  const content = await readdir(directory);
  if (content.includes(MARKER)) return;
  if (content.length > 0 && basename(directory) !== OWN_NAME)
    throw new Error(`${directory} has content that is not the engine's: name another folder`);
  await chmod(directory, OWNER_ONLY);
  await writeFile(join(directory, MARKER), '');
}

async function takeLock(directory: string): Promise<void> {
  const lock = join(directory, LOCK);
  const mine = JSON.stringify({ pid: process.pid, identity: await readProcessIdentity(process.pid) });
  for (let attempt = 1; attempt <= LOCK_ATTEMPTS; attempt++) {
    try {
      await writeFile(lock, mine, { flag: 'wx', mode: 0o600 });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = parseOwner(await readFile(lock, 'utf8').catch(() => ''));
    if (owner && (await readProcessIdentity(owner.pid)) === owner.identity) {
      throw new StateDirectoryInUseError(
        `${directory} is in use by process ${owner.pid}: stop that one first`,
      );
    }
    await rm(lock, { force: true });
  }
  throw new StateDirectoryInUseError(`${directory} is being opened by another process`);
}

/** Undefined for a record cut short by the death of its writer. */
function parseOwner(text: string): { pid: number; identity: string } | undefined {
  try {
    const { pid, identity } = JSON.parse(text) as { pid?: unknown; identity?: unknown };
    return typeof pid === 'number' && typeof identity === 'string' ? { pid, identity } : undefined;
  } catch {
    return undefined;
  }
}

async function emptyDirectory(directory: string, log: EmbeddedLog): Promise<void> {
  await stopLeftoverPostgres(directory, log);
  await stopLeftoverTemporalDevServer(directory, log);
  await rm(await postgresHome(directory), { recursive: true, force: true });
  for (const name of await readdir(directory)) {
    if (name !== LOCK && name !== MARKER) await rm(join(directory, name), { recursive: true, force: true });
  }
}
