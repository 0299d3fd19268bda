import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isRunning, readProcessRecord, recordProcess, type EmbeddedLog } from './detached-server.js';
import { postgresHome } from './postgres-installation.js';
import { stopLeftoverPostgres } from './postgres.js';
import { stopLeftoverTemporalDevServer } from './temporal-dev-server.js';

const LOCK = 'engine.lock';
const OWNER_ONLY = 0o700;

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
 */
export async function openStateDirectory({
  path,
  fresh = false,
  log,
}: StateDirectoryOptions): Promise<StateDirectory> {
  const directory = resolve(path);
  await mkdir(directory, { recursive: true });
  await chmod(directory, OWNER_ONLY);
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

async function takeLock(directory: string): Promise<void> {
  const lock = join(directory, LOCK);
  try {
    await recordProcess(lock, process.pid, 'wx');
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const owner = await readProcessRecord(lock);
  if (owner && (await isRunning(owner))) {
    throw new StateDirectoryInUseError(`${directory} is in use by process ${owner.pid}: stop that one first`);
  }
  await rm(lock, { force: true });
  await takeLock(directory);
}

async function emptyDirectory(directory: string, log: EmbeddedLog): Promise<void> {
  await stopLeftoverPostgres(directory, log);
  await stopLeftoverTemporalDevServer(directory, log);
  await rm(await postgresHome(directory), { recursive: true, force: true });
  for (const name of await readdir(directory)) {
    if (name !== LOCK) await rm(join(directory, name), { recursive: true, force: true });
  }
}
