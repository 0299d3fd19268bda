import { readConfig } from '../config/config.js';
import { createLogger } from '../config/logger.js';
import { migrateDatabase } from './create-parts.js';
import { runMain } from './main.js';

await runMain(async (env) => {
  const config = readConfig(env, 'migrate');
  const logger = createLogger({ level: config.logLevel, name: 'migrate' });
  const migrations = await migrateDatabase(config, logger);
  logger.info({ migrations }, migrations.length === 0 ? 'the database is up to date' : 'migrated');
});
