import { createTemporalAccess } from '../../src/bin/create-parts.js';
import { runMain } from '../../src/bin/main.js';
import { startApi } from '../../src/bin/run-api.js';
import { runUntilSignal } from '../../src/bin/running-part.js';
import { readConfig } from '../../src/config/config.js';
import { createLogger } from '../../src/config/logger.js';
import { createCrashHook } from './crash-hook.js';
import { withCrashPoints } from './with-crash-points.js';

/** The API as `npm run api` starts it, but that it may die at a crash point. */
await runMain(async (env) => {
  const config = readConfig(env, 'api');
  const logger = createLogger({ level: config.logLevel, name: 'api' });
  const api = await startApi(config, createTemporalAccess(env), logger, (parts) =>
    withCrashPoints(parts, 'api', createCrashHook(env)),
  );
  await runUntilSignal(logger, config.shutdownTimeoutSeconds, api);
});
