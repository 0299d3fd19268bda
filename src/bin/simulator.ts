import { readConfig } from '../config/config.js';
import { createLogger } from '../config/logger.js';
import { choosePort } from '../embedded/choose-port.js';
import { createApiKeySource } from './create-parts.js';
import { runMain } from './main.js';
import { startConfiguredSimulator } from './run-simulator.js';
import { runUntilSignal } from './running-part.js';

await runMain(async (env) => {
  const config = readConfig(env, 'simulator');
  const logger = createLogger({ level: config.logLevel, name: 'simulator' });
  const apiKey = await createApiKeySource(config.qbitpay.apiKey);
  const { host } = config.http;
  const simulator = await startConfiguredSimulator({
    qbitpay: config.qbitpay,
    apiKey: apiKey.current(),
    host,
    port: await choosePort({ variable: 'SIMULATOR_PORT', wanted: config.simulatorPort, host }),
    stateDirectory: '.payouts',
    webhookUrl: config.simulatorWebhookUrl,
    logger,
  });
  logger.info({ url: simulator.url }, 'simulator listens');
  await runUntilSignal(logger, config.shutdownTimeoutSeconds, { stop: () => simulator.close() });
});
