import './typescript-suffixes.mjs';

/** Jest's global tear-down: no server outlives the tests. */
// eslint-disable-next-line import-x/no-default-export -- Jest looks for the default export
export default async function globalTeardown(): Promise<void> {
  await globalThis.testServers?.stop();
}
