import { z } from 'zod';
import { REQUEST_REASON } from '../domain/request-reason.js';
import type { MirrorStatus } from '../store/mirror/mirror.js';
import type { ApiServer, RouteDependencies } from './api-server.js';
import { answer, namedObject, time } from './schemas.js';

const kind = z.enum(['payout', 'order', 'transaction']);
const ageSeconds = z.number().nullable().describe('Null before the first one.');

const providerList = namedObject('ProviderList', {
  kind,
  isOffered: z.boolean().describe('False where QbitPay has no such list: its objects are read one by one.'),
  completedAt: time.nullable().describe('When the last reading to where the list is known began.'),
  ageSeconds,
  isFirstReading: z.boolean().describe('The list has never been read to its end yet.'),
  objects: z.int().nullable().describe('Read so far by the first reading; null when it is over.'),
  problem: z.string().nullable().describe('Why the last reading did not come to where the list is known.'),
});

const providerProblem = namedObject('ProviderProblem', {
  kind,
  providerId: z.string(),
  problem: z.string().nullable().describe('The members that cannot be read.'),
  firstSeenAt: time,
});

const provider = namedObject('Provider', {
  syncNo: z.string().describe('Complete syncs so far.'),
  completedAt: time.nullable().describe('When the last complete sync began.'),
  ageSeconds,
  problem: z.string().nullable().describe('Why the last sync is not complete.'),
  clockSkewMs: z
    .int()
    .nullable()
    .describe("QbitPay's clock less ours, to the second. Nothing is concluded from it."),
  lists: z.array(providerList),
  problems: z.array(providerProblem).describe('Objects that cannot be read: the newest 100.'),
  untoldPayouts: z
    .array(z.string())
    .describe('Payouts whose workflow takes no more signals: terminate it, and another one goes on.'),
  requests: z
    .array(z.object({ reason: z.enum(REQUEST_REASON), operation: z.string(), perMinute: z.int() }))
    .describe('What all workers asked QbitPay for in the last whole minute, and why.'),
  maxRequestsPerSecond: z
    .number()
    .nullable()
    .describe('The limit of each single worker (QBITPAY_MAX_REQUESTS_PER_SECOND); null where there is none.'),
});

const GET = {
  operationId: 'getProvider',
  summary: 'How fresh the mirror of QbitPay is, and what of it cannot be read',
  response: { 200: answer('The state of the mirror.', provider) },
};

export function addProviderRoute(app: ApiServer, { store, authentication }: RouteDependencies): void {
  const onRequest = authentication('read');
  app.get('/v1/provider', { onRequest, schema: GET }, async () =>
    toProvider(await store.mirror.readStatus()),
  );
}

function toProvider({
  sync,
  lists,
  problems,
  untoldPayouts,
  requests,
  now,
}: MirrorStatus): z.output<typeof provider> {
  const ageOf = (at: Date | null): number | null => at && Math.round((now.getTime() - at.getTime()) / 1_000);
  return {
    ...sync,
    completedAt: sync.beganAt,
    ageSeconds: ageOf(sync.beganAt),
    lists: lists.map((list) => ({
      ...list,
      ageSeconds: ageOf(list.completedAt),
      isFirstReading: list.backfilledAt === null,
    })),
    problems,
    untoldPayouts: [...untoldPayouts],
    requests: requests.map(({ requests: perMinute, ...asked }) => ({ ...asked, perMinute })),
  };
}
