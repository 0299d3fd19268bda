import { answer, notReady } from './answers.js';
import type { ApiServer } from './api-server.js';
import { ProblemError } from './problem.js';
import { health } from './schemas.js';

interface HealthDependencies {
  readonly store: { ping(): Promise<void> };
  readonly payouts: { ping(): Promise<void> };
  readonly version: string;
  isDraining(): boolean;
}

/** Shorter than the time-outs of usual probes, so that the answer still names the part that hangs. */
const PING_TIMEOUT_MS = 2_000;

export function addHealth(app: ApiServer, dependencies: HealthDependencies): void {
  const { version } = dependencies;
  app.route({
    method: 'GET',
    url: '/livez',
    schema: {
      operationId: 'getLiveness',
      summary: 'Whether the process runs',
      tags: ['health'],
      security: [],
      response: { 200: answer('It runs.', health) },
    },
    handler: () => Promise.resolve({ status: 'alive' as const, version }),
  });
  app.route({
    method: 'GET',
    url: '/readyz',
    schema: {
      operationId: 'getReadiness',
      summary: 'Whether the process can do its work',
      tags: ['health'],
      security: [],
      response: {
        200: answer('It can.', health),
        ...notReady('It is stopping, or a part that it needs does not answer.'),
      },
    },
    handler: async () => {
      await assertReady(dependencies);
      return { status: 'ready' as const, version };
    },
  });
}

async function assertReady(dependencies: HealthDependencies): Promise<void> {
  const headers = { 'retry-after': '1' };
  if (dependencies.isDraining()) throw ProblemError.of('NOT_READY', 'The process is stopping.', { headers });
  const parts = {
    database: answersInTime(dependencies.store.ping()),
    temporal: answersInTime(dependencies.payouts.ping()),
  };
  const silent: string[] = [];
  for (const [part, answers] of Object.entries(parts)) {
    if (!(await answers)) silent.push(part);
  }
  if (silent.length === 0) return;
  throw ProblemError.of('NOT_READY', `No answer from: ${silent.join(', ')}.`, {
    headers,
    errors: silent.map((field) => ({ field, message: 'does not answer' })),
  });
}

/** Never rejects; a late ping is left to itself. */
async function answersInTime(ping: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), PING_TIMEOUT_MS);
  });
  const answered = ping.then(
    () => true,
    () => false,
  );
  return Promise.race([answered, timeout]).finally(() => clearTimeout(timer));
}
