import { createHash } from 'node:crypto';
import { pino } from 'pino';
import { readConfig, type Config } from '../config/config.js';
import { createLogger } from '../config/logger.js';
import { DEFAULT_OWNER } from '../domain/identifiers.js';
import { openStateDirectory } from '../embedded/state-directory.js';
import { runDemoPayout } from './demo-payout.js';
import { startEngine, stopStarted, type Endpoints, type Engine, type Started } from './engine.js';
import { readOrCreateKey, removeEndpoints, STATE_DIRECTORY, writeEndpoints } from './local-engine.js';
import { nextSignal, readFlags, runMain, StartError } from './main.js';
import { installTemporalRuntime } from './run-worker.js';

const LOG_FILE = `${STATE_DIRECTORY}/engine.log`;
const USAGE = 'usage: npm start [-- [--once] [--no-demo] [--fresh]]';

/** `npm start`: the whole engine in one process, with what the environment does not name embedded. */
await runMain(async (env) => {
  const options = readStartOptions();
  const given = readConfig(env, 'start');
  const say = (line: string): void => console.log(line);
  const directory = await openStateDirectory({
    path: STATE_DIRECTORY,
    fresh: options.fresh,
    log: { info: say, warn: say },
  });
  // The screen belongs to the demo's timeline; the log has a file of its own.
  const logger = createLogger({ level: given.logLevel, name: 'engine' }, pino.destination(LOG_FILE));
  installTemporalRuntime(logger);
  const started: Started = [];
  const interruption = nextSignal();
  try {
    const { config, apiKey } = await provideApiKey(given, directory.path);
    const stateDirectory = directory.path;
    const starting = startEngine({ env, config, stateDirectory, logger, say, started });
    const engine = await Promise.race([starting, interruption]);
    if (typeof engine === 'string') {
      await starting.catch(() => undefined);
      if (options.once) throw interruptedBeforePaid(engine);
    } else await runStarted({ engine, options, apiKey, stateDirectory, interruption, say });
  } finally {
    say('Stopping');
    await stopStarted(started, logger);
    await removeEndpoints(directory.path);
    await directory.release();
  }
});

/**
 * `once`: exit when the demo payout is paid; `fresh`: begin with empty state.
 * @throws StartError for anything unknown or contradictory
 */
function readStartOptions() {
  const { once, fresh, 'no-demo': noDemo } = readFlags(['once', 'no-demo', 'fresh'], USAGE);
  if (once && noDemo) throw new StartError(`--once waits for the demo payout: ${USAGE}`);
  return { once, fresh, demo: !noDemo };
}

interface RunStarted {
  readonly engine: Engine;
  readonly options: ReturnType<typeof readStartOptions>;
  readonly apiKey: string | undefined;
  readonly stateDirectory: string;
  readonly interruption: Promise<NodeJS.Signals>;
  readonly say: (line: string) => void;
}

async function runStarted(run: RunStarted): Promise<void> {
  const { engine, options, say, interruption } = run;
  const { endpoints } = engine;
  await writeEndpoints(run.stateDirectory, { ...endpoints });
  announce(endpoints, run.apiKey, say);
  const demo = options.demo ? startDemo(run) : undefined;
  if (options.once) {
    if (demo === undefined) throw new StartError('--once waits for the demo payout, and none is sent');
    const end = await Promise.race([demo, interruption, engine.worker.failed]);
    if (end !== undefined) throw interruptedBeforePaid(end);
  } else {
    // A demo that fails must not take the engine with it.
    demo?.then(
      () => sayWhatNext(endpoints, say),
      (error: unknown) =>
        say(`The demo payout stopped: ${error instanceof Error ? error.message : String(error)}`),
    );
    await Promise.race([interruption, engine.worker.failed]);
  }
}

function interruptedBeforePaid(signal: NodeJS.Signals): StartError {
  return new StartError(`${signal} came before the demo payout was paid`);
}

/** Undefined with a provider that is not the simulator: that could be real money. */
function startDemo({ engine, apiKey, interruption, say }: RunStarted): Promise<void> | undefined {
  const { api, simulator } = engine.endpoints;
  if (simulator === undefined) {
    say('No demo payout is sent: QBITPAY_BASE_URL is set, and that could be real money.');
    return undefined;
  }
  const abort = new AbortController();
  void interruption.then(() => abort.abort());
  say('');
  return runDemoPayout({ apiUrl: api, apiKey, simulatorUrl: simulator, say, signal: abort.signal });
}

/** Without configured keys the API gets one of its own, kept in the state directory. */
async function provideApiKey(
  config: Config,
  stateDirectory: string,
): Promise<{ readonly config: Config; readonly apiKey: string | undefined }> {
  if (config.apiKeys.length > 0) return { config, apiKey: undefined };
  const apiKey = await readOrCreateKey(stateDirectory, 'api-key');
  const entry = {
    name: 'local',
    scopes: ['create', 'read', 'operate'] as const,
    sha256: createHash('sha256').update(apiKey).digest('hex'),
    owner: DEFAULT_OWNER,
  };
  return { config: { ...config, apiKeys: [entry] }, apiKey };
}

function announce(endpoints: Endpoints, apiKey: string | undefined, say: (line: string) => void): void {
  say('');
  say(`  API          ${endpoints.api}`);
  say(`  API docs     ${endpoints.apiDocs}`);
  say(`  Temporal     ${endpoints.temporalUi ?? endpoints.temporalAddress}`);
  if (endpoints.simulator !== undefined) say(`  Simulator    ${endpoints.simulator}`);
  if (apiKey !== undefined) say(`  API key      ${apiKey}  (in ${STATE_DIRECTORY}/api-key)`);
  say(`  Log          ${LOG_FILE}`);
}

function sayWhatNext(endpoints: Endpoints, say: (line: string) => void): void {
  say('');
  say('Paid. What to try next:');
  if (endpoints.temporalUi !== undefined) say(`  watch it in the Temporal UI     ${endpoints.temporalUi}`);
  say(`  try the API in the browser      ${endpoints.apiDocs}`);
  say('  send a payout of your own       the curl lines of README.md work as pasted');
  say('  stop                            Ctrl-C');
}
