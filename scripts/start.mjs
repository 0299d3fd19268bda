import { existsSync } from 'node:fs';
import { prepareProject, ROOT, runBuilt } from './install.mjs';
import { runMain } from './run-command.mjs';
import { ensureTemporalCli } from './temporal-cli.mjs';

await runMain(async () => {
  process.chdir(ROOT);
  await prepareProject();
  // The engine reads it as well; whether a Temporal server has to be found is decided here already.
  if (existsSync('.env')) process.loadEnvFile('.env');
  if (!process.env.TEMPORAL_ADDRESS) process.env.TEMPORAL_CLI_PATH = await ensureTemporalCli();
});
await runBuilt('src', 'bin', 'start.js');
