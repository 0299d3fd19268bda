import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { prepareProject, ROOT } from './install.mjs';
import { runMain } from './run-command.mjs';
import { ensureTemporalCli } from './temporal-cli.mjs';

// Jest loads ES modules through Node's vm modules, which Node still calls experimental at every start of a worker.
const NODE_FLAGS = '--experimental-vm-modules --disable-warning=ExperimentalWarning';

const environment = { ...process.env };
await runMain(async () => {
  await prepareProject();
  if (!environment.TEST_TEMPORAL_ADDRESS) environment.TEMPORAL_CLI_PATH = await ensureTemporalCli();
});
environment.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} ${NODE_FLAGS}`.trim();

const jest = spawn(
  process.execPath,
  [join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js'), ...process.argv.slice(2)],
  { cwd: ROOT, env: environment, stdio: 'inherit' },
);
// A terminal's Ctrl-C reaches Jest by itself, anything else by us; its set-up takes the first signal and stops its
// servers, so a second one does no harm. We stay until it is gone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => jest.kill(signal));
jest.once('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
