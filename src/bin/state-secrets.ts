import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A random key in the state directory, made at the first start and readable by its owner only. */
export async function readOrCreateKey(stateDirectory: string, fileName: string): Promise<string> {
  const path = join(stateDirectory, fileName);
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const key = randomBytes(24).toString('base64url');
    // Renamed into place: a start that is killed leaves no empty key behind.
    await writeFile(`${path}.new`, `${key}\n`, { mode: 0o600 });
    await rename(`${path}.new`, path);
    return key;
  }
}
