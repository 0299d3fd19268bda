import { prepareProject, runBuilt } from './install.mjs';
import { runMain } from './run-command.mjs';

await runMain(() => prepareProject());
await runBuilt('test', 'faults', 'run.js');
