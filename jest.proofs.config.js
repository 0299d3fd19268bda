import base from './jest.config.js';

/** Jest as `npm run test:proofs` runs it: what takes long because it repeats, kills or freezes. */
/** @type {import('jest').Config} */
export default {
  ...base,
  testMatch: ['<rootDir>/test/proofs/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
};
