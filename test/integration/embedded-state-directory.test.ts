import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choosePort } from '../../src/embedded/choose-port.js';
import { openStateDirectory, StateDirectoryInUseError } from '../../src/embedded/state-directory.js';
import { recordLog } from '../support/embedded-fixture.js';

const log = recordLog();
let parent: string;
let path: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'qbitpay-payouts-embedded-'));
  path = join(parent, 'state');
});
afterEach(() => rm(parent, { recursive: true }));

test('is the owner’s alone, and belongs to one engine at a time', async () => {
  const directory = await openStateDirectory({ path, log });
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  await expect(openStateDirectory({ path, log })).rejects.toThrow(StateDirectoryInUseError);
  await expect(openStateDirectory({ path, log })).rejects.toThrow(`process ${process.pid}`);
  await directory.release();
  await (await openStateDirectory({ path, log })).release();
});

test.each([
  ['a process that is gone', JSON.stringify({ pid: 2 ** 30, identity: 'boot:1' })],
  ['a process whose pid is now another one’s', JSON.stringify({ pid: process.pid, identity: 'boot:1' })],
  ['a process that died while it wrote', '{"pi'],
])('is taken over from %s', async (_owner, lock) => {
  await (await openStateDirectory({ path, log })).release();
  await writeFile(join(path, 'engine.lock'), lock);
  await (await openStateDirectory({ path, log })).release();
});

test('is emptied for a fresh start, and removed with all that is in it', async () => {
  await (await openStateDirectory({ path, log })).release();
  await writeFile(join(path, 'temporal.db'), 'old');
  const directory = await openStateDirectory({ path, fresh: true, log });
  expect(await readdir(path)).toEqual(['engine.lock']);
  await directory.remove();
  expect(existsSync(path)).toBe(false);
});

test('a port that is taken is named with its variable; a free one may be wanted', async () => {
  const occupant = createServer().listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  const { port } = occupant.address() as AddressInfo;
  await expect(choosePort({ variable: 'PORT', wanted: port })).rejects.toThrow(
    `port ${port} cannot be listened on: set PORT to another one`,
  );
  occupant.close();
  await once(occupant, 'close');
  expect(await choosePort({ variable: 'PORT', wanted: port })).toBe(port);
  expect(await choosePort({ variable: 'PORT' })).toBeGreaterThan(1023);
});
