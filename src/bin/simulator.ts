import { choosePort } from '../embedded/choose-port.js';
import { openStateDirectory } from '../embedded/state-directory.js';
import { createApiKeySource, startConfiguredSimulator } from './create-parts.js';
import { runAsProcess } from './main.js';

await runAsProcess('simulator', async ({ config, logger }) => {
  const apiKey = await createApiKeySource(config.qbitpay.apiKey);
  const { host } = config.http;
  // Its own folder and lock: `npm start` may run beside it.
  const directory = await openStateDirectory({ path: '.payouts-simulator', log: logger });
  const simulator = await startConfiguredSimulator(config.qbitpay, logger, {
    apiKey: apiKey.current(),
    host,
    port: await choosePort({ variable: 'SIMULATOR_PORT', wanted: config.simulatorPort, host }),
    stateDirectory: directory.path,
    webhookUrl: config.simulatorWebhookUrl,
  });
  logger.info({ url: simulator.url }, 'simulator listens');
  return {
    stop: async () => {
      await simulator.close();
      await directory.release();
    },
  };
});
