import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { prepareProject, ROOT } from './install.mjs';
import { runMain } from './run-command.mjs';
import { ensureTemporalCli } from './temporal-cli.mjs';

const environment = { ...process.env };
await runMain(async () => {
  await prepareProject();
  if (!environment.TEST_TEMPORAL_ADDRESS) environment.TEMPORAL_CLI_PATH = await ensureTemporalCli();
});

const vitest = spawn(
  process.execPath,
  [join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...process.argv.slice(2)],
  { cwd: ROOT, env: environment, stdio: 'inherit' },
);
// A terminal's Ctrl-C reaches Vitest by itself, anything else by us; its set-up takes the first signal and stops its
// servers, so a second one does no harm. We stay until it is gone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => vitest.kill(signal));
vitest.once('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
