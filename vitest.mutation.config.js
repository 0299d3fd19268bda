import { defineConfig } from 'vitest/config';

/** Vitest as Stryker runs it over the pure rules: only the tests that say what they have to do; they need no server. */
export default defineConfig({
  test: {
    globals: true,
    include: [
      'test/unit/domain/*.test.ts',
      'test/unit/activities/*.test.ts',
      'test/unit/qbitpay/webhook-signature.test.ts',
      'test/docs/failure-types.test.ts',
    ],
  },
});
