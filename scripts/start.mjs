import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepareProject, ROOT } from './install.mjs';
import { runMain } from './run-command.mjs';
import { ensureTemporalCli } from './temporal-cli.mjs';

await runMain(async () => {
  process.chdir(ROOT);
  await prepareProject();
  // The engine reads it as well; whether a Temporal server has to be found is decided here already.
  if (existsSync('.env')) process.loadEnvFile('.env');
  if (!process.env.TEMPORAL_ADDRESS) process.env.TEMPORAL_CLI_PATH = await ensureTemporalCli();
});

// In this process, not in a child: a signal then reaches the engine once, from whoever sends it, and no wrapper
// can die before the engine has drained. The engine reads its own arguments as if it had been called directly.
process.setSourceMapsEnabled(true);
process.argv[1] = join(ROOT, 'dist', 'src', 'bin', 'start.js');
await import(pathToFileURL(process.argv[1]).href);
