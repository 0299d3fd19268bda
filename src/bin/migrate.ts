import { openStore } from '../store/store.js';
import { readConfig } from '../config/config.js';
import { createLogger } from '../config/logger.js';
import { runMain } from './main.js';

await runMain(async (env) => {
  const config = readConfig(env, 'migrate');
  const logger = createLogger({ level: config.logLevel, name: 'migrate' });
  const store = openStore({
    url: config.databaseUrl,
    onIdleError: (error) => logger.warn({ err: error }, 'database connection lost'),
  });
  try {
    const migrations = await store.migrate();
    logger.info({ migrations }, migrations.length === 0 ? 'the database is up to date' : 'migrated');
  } finally {
    await store.close();
  }
});
