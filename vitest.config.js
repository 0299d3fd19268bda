import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';

const withServers = { globalSetup: 'test/support/global-setup.ts' };

/** Started last, as the small files that they are, they would run on alone. */
const LONG_FILES = ['fault-seeds', 'frozen-worker', 'settlement-without-webhooks', 'in-transit-requests'];

class LongFilesFirst extends BaseSequencer {
  async sort(files) {
    const isLong = ({ moduleId }) => LONG_FILES.some((name) => moduleId.includes(name));
    return (await super.sort(files)).toSorted((left, right) => Number(isLong(right)) - Number(isLong(left)));
  }
}

/** Vitest as `npm test` (unit and engine) and `npm run test:proofs` run it. docs/testing.md says what is where. */
export default defineConfig({
  test: {
    globals: true,
    // A process of its own for every file would load Temporal's packages anew for each.
    pool: 'forks',
    isolate: false,
    maxWorkers: 4,
    // A bound, not a measure: the servers are shared, and machines are slow at times.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // A client of Temporal's that waits to try a call again does not notice that it was closed meanwhile: its timer throws.
    // Servers that tests stop leave such calls behind; no other error is passed over.
    onUnhandledError: ({ message }) => message !== 'Channel has been shut down',
    // What was set up last is not torn down first: the checks after a test come before its engine stops.
    sequence: { hooks: 'list', sequencer: LongFilesFirst },
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'engine',
          include: ['test/**/*.test.ts'],
          exclude: ['test/unit/**', 'test/proofs/**'],
          ...withServers,
        },
      },
      {
        extends: true,
        test: {
          name: 'proofs',
          include: ['test/proofs/**/*.test.ts'],
          // At their full scale some take hours.
          testTimeout: 14_400_000,
          hookTimeout: 14_400_000,
          ...withServers,
        },
      },
    ],
  },
});
