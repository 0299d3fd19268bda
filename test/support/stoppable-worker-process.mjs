import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { createActivities } from '../../dist/activities/index.js';
import { createTemporalAccess } from '../../dist/src/bin/create-parts.js';
import { installTemporalRuntime, startWorker } from '../../dist/src/bin/run-worker.js';
import { runAsProcess } from '../../dist/src/bin/main.js';
import { createStaticApiKey } from '../../dist/src/qbitpay/api-key.js';
import { createQbitPayClient } from '../../dist/src/qbitpay/client.js';
import { withCrashPoints } from '../../dist/test/faults/with-crash-points.js';

/**
 * A worker as `npm run worker` starts it, for tests, in a process of its own: it freezes at the crash point that stands
 * in STOP_FILE, once, and its requests that move money have POST_DEADLINE_MS to leave. Says where it freezes, and what
 * became of each such request.
 */

// At once, and all of it, also when the process freezes or dies in the next moment.
const say = (text) => void writeSync(1, `${text}\n`);

function freezeIfToldTo(crashPoint, stopFile) {
  // Read where it is needed, so that whatever was written before this moment counts.
  if (readFileSync(stopFile, 'utf8') !== crashPoint) return;
  writeFileSync(stopFile, '');
  say(`stops at ${crashPoint}`);
  process.kill(process.pid, 'SIGSTOP');
}

function createTalkingClient(env) {
  const client = createQbitPayClient({
    baseUrl: env.QBITPAY_BASE_URL,
    apiKey: createStaticApiKey(env.QBITPAY_API_KEY),
    timeouts: { postDeadlineMs: Number(env.POST_DEADLINE_MS) },
  });
  const talking = (operation) => async (request) => {
    try {
      const answer = await client[operation](request);
      say(`${operation} accepted`);
      return answer;
    } catch (error) {
      say(`${operation} failed: ${error.code ?? error.name}`);
      throw error;
    }
  };
  return { ...client, createOrder: talking('createOrder'), createPayout: talking('createPayout') };
}

await runAsProcess('worker', async ({ env, config, logger }) => {
  installTemporalRuntime(logger);
  return startWorker(config, createTemporalAccess(env), logger, {
    workflowBundlePath: env.WORKFLOW_BUNDLE,
    makeActivities: (deps) =>
      createActivities(
        withCrashPoints({ ...deps, qbitpay: createTalkingClient(env) }, 'worker', (crashPoint) =>
          Promise.resolve(freezeIfToldTo(crashPoint, env.STOP_FILE)),
        ),
      ),
  });
});
