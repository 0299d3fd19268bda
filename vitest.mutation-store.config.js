import { defineConfig } from 'vitest/config';

/** Vitest as Stryker runs it over the rules that stand on PostgreSQL: of sending, of absence and of duplicates. */
export default defineConfig({
  test: {
    globals: true,
    globalSetup: 'test/support/global-setup.ts',
    include: [
      'test/integration/duplicate-objects.test.ts',
      'test/integration/second-objects.test.ts',
      'test/integration/send-guard.test.ts',
      'test/integration/store-behind.test.ts',
      'test/integration/unprovable-absence.test.ts',
    ],
  },
});
