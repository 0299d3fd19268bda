import { createTemporalAccess } from './create-parts.js';
import { installTemporalRuntime, startWorker } from './run-worker.js';
import { runAsProcess } from './main.js';

await runAsProcess('worker', async ({ env, config, logger }) => {
  installTemporalRuntime(logger);
  return startWorker(config, createTemporalAccess(env), logger);
});
