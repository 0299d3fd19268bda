import { readConfig } from '../config/config.js';
import { createLogger } from '../config/logger.js';
import { createTemporalAccess } from './create-parts.js';
import { runMain } from './main.js';
import { installTemporalRuntime, startWorker } from './run-worker.js';
import { runUntilSignal } from './running-part.js';

await runMain(async (env) => {
  const config = readConfig(env, 'worker');
  const logger = createLogger({ level: config.logLevel, name: 'worker' });
  installTemporalRuntime(logger);
  const worker = await startWorker(config, createTemporalAccess(env), logger);
  await runUntilSignal(logger, config.shutdownTimeoutSeconds, worker, worker.failed);
});
