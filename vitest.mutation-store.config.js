import { defineConfig } from 'vitest/config';

/** Vitest as Stryker runs it over the rules that stand on PostgreSQL: of sending, of absence and of duplicates. */
export default defineConfig({
  test: {
    globals: true,
    globalSetup: 'test/support/global-setup.ts',
    include: [
      'test/integration/{altered-ids,answer-checks,bookings,decisions,duplicate-objects,mirror-doubts,provider-requests,second-objects,send-guard,store,store-behind,unprovable-absence}.test.ts',
    ],
  },
});
