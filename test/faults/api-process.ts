import { createTemporalAccess } from '../../src/bin/create-parts.js';
import { startApi } from '../../src/bin/run-api.js';
import { runAsProcess } from '../../src/bin/main.js';
import { createCrashHook } from './crash-hook.js';
import { withCrashPoints } from './with-crash-points.js';

/** The API as `npm run api` starts it, but that it may die at a crash point. */
await runAsProcess('api', async ({ env, config, logger }) =>
  startApi(config, createTemporalAccess(env), logger, (parts) =>
    withCrashPoints(parts, 'api', createCrashHook(env)),
  ),
);
