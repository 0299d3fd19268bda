import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { BRAKE_KIND } from '../domain/brake.js';
import type { ApiServer, ApiStore } from './api-server.js';
import { problemAnswer, ProblemError, retryAfter } from './problem.js';
import { answer, namedObject } from './schemas.js';

interface HealthDependencies {
  readonly store: Pick<ApiStore, 'ping'> & { readonly brakes: Pick<ApiStore['brakes'], 'listBrakes'> };
  readonly payouts: { ping(): Promise<void> };
  readonly version: string;
  isDraining(): boolean;
}

/** Shorter than the time-outs of usual probes, so that the answer still names the part that hangs. */
const PING_TIMEOUT_MS = 2_000;

const MOST_BRAKES_SHOWN = 20;

const liveness = namedObject('Liveness', { status: z.literal('alive'), version: z.string() });

const readiness = namedObject('Readiness', {
  status: z.literal('ready'),
  version: z.string(),
  brakes: z
    .array(z.object({ kind: z.enum(BRAKE_KIND), currency: z.string().nullable() }))
    .describe('What is engaged: nothing of that leaves for QbitPay. See /v1/brakes.'),
});

const LIVENESS = {
  operationId: 'getLiveness',
  summary: 'Whether the process runs',
  security: [],
  response: { 200: answer('It runs.', liveness) },
};

const READINESS = {
  operationId: 'getReadiness',
  summary: 'Whether the process can do its work',
  security: [],
  response: {
    200: answer('It can.', readiness),
    503: problemAnswer('It is stopping, or a part that it needs does not answer.'),
  },
};

export function addHealthRoutes(app: ApiServer, dependencies: HealthDependencies): void {
  const { version } = dependencies;
  app.get('/livez', { schema: LIVENESS }, () => Promise.resolve({ status: 'alive' as const, version }));
  app.get('/readyz', { schema: READINESS }, async () => {
    await assertReady(dependencies);
    const brakes = await dependencies.store.brakes.listBrakes({ engaged: true, limit: MOST_BRAKES_SHOWN });
    return { status: 'ready' as const, version, brakes };
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
