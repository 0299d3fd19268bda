import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '../../src/config/config.js';
import { LAST_POST_MS } from './campaign-client.js';
import { CALM_VARIABLE, CRASHES_VARIABLE, processOf, type Crash, type ProcessName } from './crash-points.js';
import type { Servers } from './servers.js';
import { startEngineProcess, type EngineProcess } from './engine-process.js';

/** Something that ended, or went on again: from then on the engine recovers. */
export interface Interruption {
  readonly atMs: number;
  readonly what: string;
}

/** Keeps worker and API running, as whatever runs them in production does: what dies is started again. */
export interface Supervisor {
  readonly interruptions: Interruption[];
  /** Crashes that happened. */
  readonly hits: Crash[];
  start(): Promise<void>;
  /** Ends what runs, and does this before it is started again. */
  restart(meanwhile: () => void): Promise<void>;
  /** A crash that the campaign carries out itself; false when it is over with crashes. */
  crash(crash: Crash): Promise<boolean>;
  /** Nothing crashes any more, nothing is frozen, everything runs, and who was frozen has had the time to send. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

export interface SupervisorOptions {
  readonly env: Environment;
  readonly crashes: readonly Crash[];
  readonly onLogLine: (line: string) => void;
  /** Undefined for servers of others: the process dies instead. */
  readonly strike: Servers['strike'];
}

/** How long a server stays away that died at a crash point. */
const SERVER_DOWN_MS = 500;

/**
 * Past every time-out: of the campaign's workflows, so that another worker has taken over before it wakes up; of the
 * provider's delivery and of the caller, which then come again, to an API that is still the same.
 */
const FROZEN_MS: Readonly<Record<ProcessName, number>> = { worker: 10_000, api: 16_500 };
const RESTART_PAUSE_MS = 250;
const MAX_RESTARTS = 60;

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const interruptions: Interruption[] = [];
  const hits: Crash[] = [];
  const running: EngineProcess[] = [];
  const pending = new Set<Promise<unknown>>();
  const thaws: (() => void)[] = [];
  /** What ends by itself: freezes, strikes at servers, and starts of processes. */
  const interludes = new Set<Promise<unknown>>();
  const calmFile = join(tmpdir(), `qbitpay-faults-calm-${randomUUID()}`);
  let isCalm = false;
  let isStopping = false;

  const track = (task: Promise<unknown>): void => {
    pending.add(task);
    void task.finally(() => pending.delete(task)).catch(() => undefined);
  };
  const trackInterlude = (task: Promise<unknown>): void => {
    track(task);
    interludes.add(task);
    void task.finally(() => interludes.delete(task)).catch(() => undefined);
  };
  const remaining = (): readonly Crash[] => options.crashes.filter((crash) => !hits.includes(crash));

  const startOne = async (name: ProcessName): Promise<void> => {
    const started = await startEngineProcess({
      name,
      env: {
        ...options.env,
        [CRASHES_VARIABLE]: JSON.stringify(remaining()),
        [CALM_VARIABLE]: calmFile,
      },
      onLogLine: options.onLogLine,
      onCrash: (id, process) => {
        const crash = options.crashes.find((one) => one.id === id);
        if (crash === undefined) return;
        if (!hits.includes(crash)) hits.push(crash);
        if (crash.action === 'stop') trackInterlude(freeze(process, crash));
        if (crash.action === 'temporal' || crash.action === 'postgres') {
          trackInterlude(strikeServer(process, crash.action));
        }
      },
    });
    running.push(started);
    track(
      started.exited.then(async () => {
        running.splice(running.indexOf(started), 1);
        if (isStopping) return;
        interruptions.push({ atMs: Date.now(), what: `${name} died` });
        await startAgain(name);
      }),
    );
  };

  const starting = new Map<ProcessName, Promise<void>>();
  const startAgain = (name: ProcessName): Promise<void> => {
    const attempt = starting.get(name) ?? tryToStart(name).finally(() => starting.delete(name));
    starting.set(name, attempt);
    trackInterlude(attempt);
    return attempt;
  };

  /** What it needs may be away as well. */
  const tryToStart = async (name: ProcessName): Promise<void> => {
    for (let attempt = 1; attempt <= MAX_RESTARTS && !isStopping; attempt += 1) {
      if (running.some((one) => one.name === name)) return;
      try {
        return await startOne(name);
      } catch {
        await delay(RESTART_PAUSE_MS);
      }
    }
  };

  /** A worker that is frozen is replaced, as by an orchestrator that hears nothing of it, and then wakes up. */
  const freeze = async (frozen: EngineProcess, crash: Crash): Promise<void> => {
    const name = processOf(crash.point);
    if (name === 'worker' && !isStopping) trackInterlude(startOne('worker').catch(() => undefined));
    const woken = new Promise<void>((resolve) => thaws.push(resolve));
    await Promise.race([delay(FROZEN_MS[name], undefined, { ref: false }), woken]);
    frozen.continue();
    interruptions.push({ atMs: Date.now(), what: `${name} went on` });
  };

  /** The process stands still meanwhile, exactly there. */
  const strikeServer = async (standing: EngineProcess, server: 'temporal' | 'postgres'): Promise<void> => {
    if (options.strike === undefined) return standing.kill();
    await options.strike({ server, downMs: SERVER_DOWN_MS });
    standing.continue();
    interruptions.push({ atMs: Date.now(), what: `${server} serves again` });
  };

  return {
    interruptions,
    hits,
    start: async () => {
      await Promise.all([startOne('worker'), startOne('api')]);
    },
    restart: async (meanwhile) => {
      // A process takes longer to start than this takes.
      await Promise.all([...running].map((one) => one.kill()));
      meanwhile();
    },
    crash: async (crash) => {
      if (isCalm) return false;
      hits.push(crash);
      await Promise.all(
        running.filter(({ name }) => name === processOf(crash.point)).map((one) => one.kill()),
      );
      return true;
    },
    settle: async () => {
      isCalm = true;
      writeFileSync(calmFile, '');
      // One that crashed at the last moment may have begun another one of these, and a freeze lasts as long as ever.
      while (interludes.size > 0) await Promise.all(interludes);
      await Promise.all((['worker', 'api'] as const).map(startAgain));
      await delay(LAST_POST_MS);
    },
    stop: async () => {
      isStopping = true;
      thaws.forEach((thaw) => thaw());
      await Promise.all([...running].map((one) => one.kill()));
      await Promise.allSettled([...pending]);
      await Promise.all([...running].map((one) => one.kill()));
      rmSync(calmFile, { force: true });
    },
  };
}
