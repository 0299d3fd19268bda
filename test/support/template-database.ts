import { openStore } from '../../src/store/store.js';
import { createDatabase, newDatabaseName } from './test-database.js';

/** Migrates a database that every test copies, and answers with its name; nothing may stay connected to it. */
export async function createTemplateDatabase(): Promise<string> {
  const name = newDatabaseName();
  const store = openStore({ url: await createDatabase(name), onIdleError: () => undefined });
  await store.migrate();
  await store.close();
  return name;
}
