import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiKeyFile, createStaticApiKey } from '../../../src/qbitpay/api-key.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qbitpay-key-'));
  path = join(folder, 'api-key');
});
afterEach(() => rm(folder, { recursive: true }));

test('a key file is read without the white space around the key', async () => {
  await writeFile(path, '  sk_one \n');
  expect((await createApiKeyFile(path)).current()).toBe('sk_one');
});

test('an empty or missing key file is refused by name', async () => {
  await expect(createApiKeyFile(path)).rejects.toThrow(`${path} cannot be read: ENOENT`);
  await writeFile(path, ' \n');
  await expect(createApiKeyFile(path)).rejects.toThrow(`${path} is empty`);
});

test('reload takes a new key and says whether it changed', async () => {
  await writeFile(path, 'sk_one');
  const source = await createApiKeyFile(path);
  expect(await source.reload()).toBe(false);
  await writeFile(path, 'sk_two\n');
  expect(await source.reload()).toBe(true);
  expect(source.current()).toBe('sk_two');
});

test('reload keeps the old key while the file is empty or gone', async () => {
  await writeFile(path, 'sk_one');
  const source = await createApiKeyFile(path);
  await writeFile(path, '');
  expect(await source.reload()).toBe(false);
  await rm(path);
  expect(await source.reload()).toBe(false);
  expect(source.current()).toBe('sk_one');
});

test('a static key never changes and is never empty', async () => {
  const source = createStaticApiKey('sk_static');
  expect(await source.reload()).toBe(false);
  expect(source.current()).toBe('sk_static');
  expect(() => createStaticApiKey('')).toThrow(TypeError);
});
