import { defineConfig } from 'vitest/config';

const withServers = { globalSetup: 'test/support/global-setup.ts' };

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
    // What was set up last is not torn down first: the checks after a test come before its engine stops.
    sequence: { hooks: 'list' },
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
