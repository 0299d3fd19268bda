import { constants } from 'node:os';
import { ensureTemporalCli } from '../../scripts/temporal-cli.mjs';
import { createTemplateDatabase } from './template-database.js';
import { startTestServers, type TestServers } from './test-servers.js';

/** Vitest's global set-up: publishes the addresses of the shared servers to the test workers, and stops them afterwards. */
// eslint-disable-next-line import-x/no-default-export -- Vitest looks for the default export
export default async function globalSetup(): Promise<() => Promise<void>> {
  const starting = startTestServers(
    {
      postgresUrl: process.env['TEST_POSTGRES_URL'],
      temporalAddress: process.env['TEST_TEMPORAL_ADDRESS'],
    },
    () => ensureTemporalCli(),
  );
  stopWhenInterrupted(starting);
  const servers = await starting;
  process.env['TEST_POSTGRES_URL'] = servers.postgresUrl;
  process.env['TEST_TEMPORAL_ADDRESS'] = servers.temporalAddress;
  process.env['TEST_TEMPLATE_DATABASE'] = await createTemplateDatabase();
  return () => servers.stop();
}

/** A run that dies by a signal tears nothing down, and the servers do not die with it. */
function stopWhenInterrupted(starting: Promise<TestServers>): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      const exit = (): void => process.exit(128 + constants.signals[signal]);
      // A start that failed has stopped what it had started.
      starting.then((servers) => servers.stop()).then(exit, exit);
    });
  }
}
