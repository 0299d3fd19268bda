import { readFileSync } from 'node:fs';

/** Of the package; the build keeps package.json two folders above this file's own. */
export const VERSION = (
  JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
