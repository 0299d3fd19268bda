import { createActivities } from '../../activities/index.js';
import { createOwnAccountRule } from '../../activities/provider/account-identity.js';
import { createTemporalAccess } from '../../src/bin/create-parts.js';
import { installTemporalRuntime, startWorker } from '../../src/bin/run-worker.js';
import { runAsProcess } from '../../src/bin/main.js';
import { BUG_VARIABLE, findBug } from './bugs/index.js';
import { BUNDLE_VARIABLE } from './campaign-bundle.js';
import { withShortTimeouts } from './campaign-client.js';
import { createCrashHook } from './crash-hook.js';
import { withCrashPoints } from './with-crash-points.js';

/** A worker as `npm run worker` starts it, but that it may die at a crash point, or have a planted mistake. */
await runAsProcess('worker', async ({ env, config, logger }) => {
  installTemporalRuntime(logger);
  const bug = findBug(env[BUG_VARIABLE]);
  const makeActivities = bug?.makeActivities ?? createActivities;
  return startWorker(config, createTemporalAccess(env), logger, {
    workflowBundlePath: env[BUNDLE_VARIABLE] ?? '',
    // Of minutes, as a lost database of Temporal's takes them otherwise.
    supervision: { minimumAgeSeconds: 3, intervalMs: 2_000 },
    upkeepIntervalMs: 2_000,
    ...(bug?.isOwnAccount === undefined ? {} : { isOwnAccount: bug.isOwnAccount }),
    makeActivities: (deps) => {
      const isOwnAccount = bug?.isOwnAccount ?? createOwnAccountRule(deps.store);
      const withClient = withShortTimeouts(deps, env, isOwnAccount);
      return makeActivities(withCrashPoints(withClient, 'worker', createCrashHook(env)));
    },
  });
});
