import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILE_NAME = 'endpoints.json';

/**
 * Publishes where a running engine can be reached, by name ("api", "temporalUi", …), for the command line and for
 * scripts. Atomic: a reader sees the old or the new file, never half of one. Readable by the owner only, because the
 * database's address carries its password.
 */
export async function writeEndpoints(
  stateDirectory: string,
  endpoints: Readonly<Record<string, string>>,
): Promise<void> {
  const path = join(stateDirectory, FILE_NAME);
  const draft = `${path}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, `${JSON.stringify(endpoints, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, path);
}

/** What {@link writeEndpoints} published; undefined when no engine did, or it took it back. */
export async function readEndpoints(
  stateDirectory: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  let text: string;
  try {
    text = await readFile(join(stateDirectory, FILE_NAME), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return JSON.parse(text) as Record<string, string>;
}

/** Takes the published endpoints back; fine when there are none. */
export async function removeEndpoints(stateDirectory: string): Promise<void> {
  await rm(join(stateDirectory, FILE_NAME), { force: true });
}
