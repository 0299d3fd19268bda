import { readConfig } from '../config/config.js';
import { createLogger } from '../config/logger.js';
import { choosePort } from '../embedded/choose-port.js';
import { createTemporalAccess } from './create-parts.js';
import { runMain } from './main.js';
import { startApi } from './run-api.js';
import { runUntilSignal } from './running-part.js';

await runMain(async (env) => {
  const config = readConfig(env, 'api');
  const logger = createLogger({ level: config.logLevel, name: 'api' });
  const { host, port: wanted } = config.http;
  const port = await choosePort({ variable: 'PORT', wanted, host });
  const api = await startApi({ ...config, http: { host, port } }, createTemporalAccess(env), logger);
  await runUntilSignal(logger, config.shutdownTimeoutSeconds, api);
});
