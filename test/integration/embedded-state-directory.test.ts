import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choosePort } from '../../src/embedded/choose-port.js';
import { readEndpoints, removeEndpoints, writeEndpoints } from '../../src/embedded/endpoints.js';
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

test('is emptied for a fresh start, and only when it is ours', async () => {
  await (await openStateDirectory({ path, log })).release();
  await writeFile(join(path, 'temporal.db'), 'old');
  const directory = await openStateDirectory({ path, fresh: true, log });
  expect(await readdir(path)).toEqual(expect.arrayContaining(['.qbitpay-payouts', 'engine.lock']));
  expect(existsSync(join(path, 'temporal.db'))).toBe(false);
  await directory.remove();
  expect(existsSync(path)).toBe(false);

  await writeFile(join(parent, 'thesis.txt'), 'mine');
  await expect(openStateDirectory({ path: parent, fresh: true, log })).rejects.toThrow('not the engine');
  expect(existsSync(join(parent, 'thesis.txt'))).toBe(true);
});

test('is ours by its usual name, whatever a part that ran on its own has put there', async () => {
  const usual = join(parent, '.payouts');
  await mkdir(join(usual, 'simulator'), { recursive: true });
  await (await openStateDirectory({ path: usual, log })).remove();
});

test('publishes endpoints to their owner and takes them back', async () => {
  const directory = await openStateDirectory({ path, log });
  expect(await readEndpoints(path)).toBeUndefined();
  await writeEndpoints(path, { api: 'http://127.0.0.1:1' });
  await writeEndpoints(path, { api: 'http://127.0.0.1:2', temporalUi: 'http://127.0.0.1:3' });
  expect(await readEndpoints(path)).toEqual({ api: 'http://127.0.0.1:2', temporalUi: 'http://127.0.0.1:3' });
  expect((await stat(join(path, 'endpoints.json'))).mode & 0o777).toBe(0o600);
  await removeEndpoints(path);
  expect(await readEndpoints(path)).toBeUndefined();
  await directory.release();
});

test('a port that is taken is named with its variable; a free one may be wanted', async () => {
  const occupant = createServer().listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  const { port } = occupant.address() as AddressInfo;
  await expect(choosePort({ variable: 'PORT', wanted: port })).rejects.toThrow(
    `port ${port} is taken: set PORT to another one`,
  );
  occupant.close();
  await once(occupant, 'close');
  expect(await choosePort({ variable: 'PORT', wanted: port })).toBe(port);
  expect(await choosePort({ variable: 'PORT' })).toBeGreaterThan(1023);
});
