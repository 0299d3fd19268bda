import base from './jest.config.js';

// No servers: the files under mutation are pure, and a run starts Jest hundreds of times.
const { globalSetup: _globalSetup, globalTeardown: _globalTeardown, ...settings } = base;

/** Jest as Stryker runs it: only the tests that say what the mutated files have to do. */
/** @type {import('jest').Config} */
export default {
  ...settings,
  testMatch: [
    '<rootDir>/test/unit/domain/money.test.ts',
    '<rootDir>/test/unit/domain/payout-status.test.ts',
    '<rootDir>/test/unit/domain/failure-type.test.ts',
    '<rootDir>/test/unit/activities/failure-mapping.test.ts',
    '<rootDir>/test/unit/qbitpay/webhook-signature.test.ts',
    '<rootDir>/test/docs/failure-types.test.ts',
  ],
};
