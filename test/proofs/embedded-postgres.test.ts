import { mkdir, readdir, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import pg from 'pg';
import { createPostgresHome } from '../../src/embedded/postgres-installation.js';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.js';
import type { StateDirectory } from '../../src/embedded/state-directory.js';
import {
  isRunning,
  openTemporaryStateDirectory,
  recordLog,
  startInKilledProcess,
} from '../support/embedded-fixture.js';

let directory: StateDirectory;
beforeEach(async () => {
  directory = await openTemporaryStateDirectory();
});
afterEach(() => directory.remove());

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

function start(log = recordLog()): ReturnType<typeof startEmbeddedPostgres> {
  return startEmbeddedPostgres({ stateDirectory: directory.path, log });
}

test('keeps its data from one start to the next, on loopback and with the safe settings', async () => {
  // What an initdb that was killed leaves behind is in nobody's way.
  await mkdir(join(await createPostgresHome(directory.path), 'draft-interrupted'));
  const first = await start();
  await query(first.url, 'CREATE TABLE kept (amount numeric)');
  await query(first.url, "INSERT INTO kept VALUES ('98.10')");
  await first.stop();
  expect(await isRunning(first.pid)).toBe(false);

  const second = await start();
  try {
    expect(await query(second.url, 'SELECT amount FROM kept')).toEqual([{ amount: '98.10' }]);
    const settings = `SELECT current_setting('fsync') AS fsync, current_setting('listen_addresses') AS addresses,
      current_setting('unix_socket_directories') AS sockets, current_setting('server_encoding') AS encoding,
      current_setting('max_connections') AS connections`;
    expect(await query(second.url, settings)).toEqual([
      { fsync: 'on', addresses: '127.0.0.1', sockets: '', encoding: 'UTF8', connections: '200' },
    ]);
    const wrongPassword = second.url.replace(/:[0-9a-f]+@/, ':guessed@');
    await expect(query(wrongPassword, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  } finally {
    await second.stop();
  }
  expect(await isRunning(second.pid)).toBe(false);
  expect(await readdir(await createPostgresHome(directory.path))).not.toContain('draft-interrupted');
});

test('takes over from an engine that was killed, with its data', async () => {
  const orphan = await startInKilledProcess('postgres.js', 'startEmbeddedPostgres', {
    stateDirectory: directory.path,
  });
  expect(await isRunning(orphan.pid)).toBe(true);

  const log = recordLog();
  const successor = await start(log);
  try {
    expect(log.lines).toContainEqual(expect.stringContaining(`process ${orphan.pid}`));
    expect(await isRunning(orphan.pid)).toBe(false);
    expect(await query(successor.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  } finally {
    await successor.stop();
  }
});

test('keeps data whose password is gone, and begins anew', async () => {
  await (await start()).stop();
  await rm(join(directory.path, 'postgres-password'));
  const log = recordLog();
  await (await start(log)).stop();
  const aside = (await readdir(await createPostgresHome(directory.path))).filter((name) =>
    name.startsWith('data.without-password-'),
  );
  expect(aside).toHaveLength(1);
  expect(log.lines).toContainEqual(expect.stringContaining(aside[0]!));
});

test('says what PostgreSQL said when it does not come up', async () => {
  const occupant = createServer().listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  const { port } = occupant.address() as AddressInfo;
  try {
    const starting = startEmbeddedPostgres({ stateDirectory: directory.path, port, log: recordLog() });
    await expect(starting).rejects.toThrow(/Address already in use/);
  } finally {
    occupant.close();
  }
});
