import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { sharedServer } from './shared-servers.js';

/** A database of a test's own, on the shared PostgreSQL server. */

export function newDatabaseName(): string {
  return `t${randomUUID().replaceAll('-', '').slice(0, 16)}`;
}

export function createDatabase(name: string): Promise<string> {
  return create(name, 'template1');
}

/** A copy of the database that the global set-up migrated: no test waits for migrations. Its account opens now. */
export async function createMigratedDatabase(name: string): Promise<string> {
  const url = await create(name, sharedServer('TEST_TEMPLATE_DATABASE'));
  const client = new Client({ connectionString: url });
  await client.connect();
  const now = new Date().toISOString();
  await client.query(`update engine_settings set value = $1 where name = 'account_opened_at'`, [now]);
  await client.end();
  return url;
}

async function create(name: string, template: string): Promise<string> {
  const server = sharedServer('TEST_POSTGRES_URL');
  const admin = new Client({ connectionString: server });
  await admin.connect();
  await admin.query(`create database ${name} template ${template}`);
  await admin.end();
  return databaseUrl(server, name);
}

function databaseUrl(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
