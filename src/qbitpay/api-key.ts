import { readFile } from 'node:fs/promises';

/** Where the API key comes from; every request asks for the current one, so that a key can be rotated. */
export interface ApiKeySource {
  current(): string;
  /** Re-reads the key where that is possible; resolves true when the key changed. Never rejects. */
  reload(): Promise<boolean>;
}

/** A key that is fixed for the life of the process. @throws TypeError when it is empty. */
export function createStaticApiKey(key: string): ApiKeySource {
  if (key === '') throw new TypeError('The QbitPay API key is empty.');
  return { current: () => key, reload: () => Promise.resolve(false) };
}

/**
 * A key that lives in a file, without the white space around it.
 * @throws Error naming the file when it cannot be read or is empty; a later {@link ApiKeySource.reload}
 * keeps the old key instead, because a file that is being replaced must not stop a running worker.
 */
export async function createApiKeyFile(path: string): Promise<ApiKeySource> {
  let key = await readKey(path);
  return {
    current: () => key,
    async reload() {
      const stored = await readKey(path).catch(() => key);
      const isChanged = stored !== key;
      key = stored;
      return isChanged;
    },
  };
}

async function readKey(path: string): Promise<string> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new Error(`The QbitPay API key file ${path} cannot be read: ${code}`);
  }
  const key = content.trim();
  if (key === '') throw new Error(`The QbitPay API key file ${path} is empty.`);
  return key;
}
