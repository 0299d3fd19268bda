import { defineConfig } from 'vitest/config';

/** Vitest as Stryker runs it: only the tests that say what the mutated files have to do; they need no server. */
export default defineConfig({
  test: {
    globals: true,
    include: [
      'test/unit/domain/money.test.ts',
      'test/unit/domain/payout-status.test.ts',
      'test/unit/domain/failure-type.test.ts',
      'test/unit/activities/failure-mapping.test.ts',
      'test/unit/qbitpay/webhook-signature.test.ts',
      'test/docs/failure-types.test.ts',
    ],
  },
});
