import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { ApiServer } from './api-server.js';
import { problemAnswer, ProblemError, retryAfter } from './problem.js';
import { answer, namedObject } from './schemas.js';

interface HealthDependencies {
  readonly store: { ping(): Promise<void> };
  readonly payouts: { ping(): Promise<void> };
  readonly version: string;
  isDraining(): boolean;
}

/** Shorter than the time-outs of usual probes, so that the answer still names the part that hangs. */
const PING_TIMEOUT_MS = 2_000;

const health = namedObject('Health', { status: z.enum(['alive', 'ready']), version: z.string() });

const LIVENESS = {
  operationId: 'getLiveness',
  summary: 'Whether the process runs',
  security: [],
  response: { 200: answer('It runs.', health) },
};

const READINESS = {
  operationId: 'getReadiness',
  summary: 'Whether the process can do its work',
  security: [],
  response: {
    200: answer('It can.', health),
    503: problemAnswer('It is stopping, or a part that it needs does not answer.'),
  },
};

export function addHealthRoutes(app: ApiServer, dependencies: HealthDependencies): void {
  const { version } = dependencies;
  app.get('/livez', { schema: LIVENESS }, () => Promise.resolve({ status: 'alive' as const, version }));
  app.get('/readyz', { schema: READINESS }, async () => {
    await assertReady(dependencies);
    return { status: 'ready' as const, version };
  });
}

async function assertReady(dependencies: HealthDependencies): Promise<void> {
  if (dependencies.isDraining())
    throw new ProblemError('NOT_READY', 'The process is stopping.', retryAfter(1));
  const [database, temporal] = await Promise.all([
    answersInTime(dependencies.store.ping()),
    answersInTime(dependencies.payouts.ping()),
  ]);
  const silent = [...(database ? [] : ['database']), ...(temporal ? [] : ['temporal'])];
  if (silent.length === 0) return;
  throw new ProblemError('NOT_READY', `No answer from: ${silent.join(', ')}.`, {
    ...retryAfter(1),
    errors: silent.map((field) => ({ field, message: 'does not answer' })),
  });
}

/** Never rejects; a late ping is left to itself. */
async function answersInTime(ping: Promise<void>): Promise<boolean> {
  const answered = ping.then(() => true).catch(() => false);
  return Promise.race([answered, delay(PING_TIMEOUT_MS, false, { ref: false })]);
}
