import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepareProject, ROOT } from './install.mjs';
import { runMain } from './run-command.mjs';

await runMain(() => prepareProject());

// The campaign reads its own arguments, in this process: a signal then reaches it without a wrapper in between.
process.setSourceMapsEnabled(true);
process.argv[1] = join(ROOT, 'dist', 'test', 'faults', 'run.js');
await import(pathToFileURL(process.argv[1]).href);
