import './typescript-suffixes.mjs';
import { constants } from 'node:os';
import { ensureTemporalCli } from '../../scripts/temporal-cli.mjs';
import { createTemplateDatabase } from './template-database.js';
import { startTestServers, type TestServers } from './test-servers.js';

declare global {
  var testServers: TestServers | undefined;
}

/** What is read of Jest's configuration here. */
interface Selection {
  readonly testPathPatterns: { readonly patterns: readonly string[] };
}

/** Jest's global set-up: publishes the addresses of the shared servers to the test workers. */
// eslint-disable-next-line import-x/no-default-export -- Jest looks for the default export
export default async function globalSetup(selection: Selection): Promise<void> {
  if (runsUnitTestsOnly(selection)) return;
  const starting = startTestServers(
    {
      postgresUrl: process.env['TEST_POSTGRES_URL'],
      temporalAddress: process.env['TEST_TEMPORAL_ADDRESS'],
    },
    () => ensureTemporalCli(),
  );
  stopWhenInterrupted(starting);
  const servers = await starting;
  globalThis.testServers = servers;
  process.env['TEST_POSTGRES_URL'] = servers.postgresUrl;
  process.env['TEST_TEMPORAL_ADDRESS'] = servers.temporalAddress;
  process.env['TEST_TEMPLATE_DATABASE'] = await createTemplateDatabase();
}

/** `jest test/unit/money` need not wait for servers that it does not use. */
function runsUnitTestsOnly({ testPathPatterns }: Selection): boolean {
  const { patterns } = testPathPatterns;
  return patterns.length > 0 && patterns.every((pattern) => pattern.includes('test/unit'));
}

/** Jest dies by a signal without its tear-down, and the servers do not die with it. */
function stopWhenInterrupted(starting: Promise<TestServers>): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      const exit = (): void => process.exit(128 + constants.signals[signal]);
      // A start that failed has stopped what it had started.
      starting.then((servers) => servers.stop()).then(exit, exit);
    });
  }
}
