import { choosePort } from '../embedded/choose-port.js';
import { createTemporalAccess } from './create-parts.js';
import { startApi } from './run-api.js';
import { runAsProcess } from './main.js';

await runAsProcess('api', async ({ env, config, logger }) => {
  const { host, port: wanted } = config.http;
  const port = await choosePort({ variable: 'PORT', wanted, host });
  return startApi({ ...config, http: { host, port } }, createTemporalAccess(env), logger);
});
