import { z } from 'zod';
import { BRAKE_KIND, BRAKES } from '../domain/brake.js';
import type { Brake } from '../store/controls/brakes.js';
import type { ApiServer, RouteDependencies } from './api-server.js';
import { listOf, toList } from './paging.js';
import { reason } from './payout-decisions.js';
import { problemAnswer, ProblemError } from './problem.js';
import { answer, currency, namedObject, time } from './schemas.js';

const brakeId = z
  .string()
  .regex(/^[1-9]\d{0,17}$/, 'must be the brakeId of a brake: 1 to 18 digits')
  .meta({ examples: ['7'] });

const brake = namedObject('Brake', {
  brakeId,
  kind: z.enum(BRAKE_KIND),
  currency: z.string().nullable().describe('What it stops; null: everything.'),
  state: z.enum(['engaged', 'released']),
  detail: z.string().describe('What was seen, or why a person engaged it.'),
  meaning: z.string().describe('What happened.'),
  action: z.string().describe('What to do before it is released.'),
  engagedBy: z.string().describe('"engine", or the name of a key.'),
  engagedAt: time,
  releasedBy: z.string().nullable(),
  releasedAt: time.nullable(),
  releaseReason: z.string().nullable(),
});

function toBrake(shown: Brake): z.output<typeof brake> {
  const state = shown.releasedAt === null ? 'engaged' : 'released';
  return { ...shown, ...BRAKES[shown.kind], state };
}

/** What is engaged always fits. */
const MOST_LISTED = 100;

const LIST = {
  operationId: 'listBrakes',
  summary: 'What stops requests from leaving for QbitPay',
  querystring: z.strictObject({
    engaged: z
      .enum(['true', 'false'])
      .describe('Only those that are engaged, or only released ones.')
      .optional(),
  }),
  response: {
    200: answer('The engaged ones first, then the newest: at most 100.', listOf('BrakeList', brake)),
  },
};

const ENGAGE = {
  operationId: 'engageBrake',
  summary: 'Let nothing leave for QbitPay',
  description: 'Everything but requests that move money goes on. Can be repeated.',
  body: z
    .strictObject({
      currency: currency
        .describe('Only what is paid in it, or sold for or from it. Left out: everything.')
        .optional(),
      reason,
    })
    .meta({ id: 'BrakeEngagement', examples: [{ currency: 'CNY', reason: 'QbitPay asked us to wait' }] }),
  response: { 200: answer('It is engaged.', brake) },
};

const RELEASE = {
  operationId: 'releaseBrake',
  summary: 'Release a brake',
  description:
    'The payouts that wait go on at once. What it was engaged for does not engage it again. Can be repeated.',
  params: z.strictObject({ brakeId }),
  body: z
    .strictObject({ reason })
    .meta({ id: 'BrakeRelease', examples: [{ reason: 'QbitPay has answered: all is well' }] }),
  response: { 200: answer('It is released.', brake), 404: problemAnswer('There is no such brake.') },
};

export function addBrakeRoutes(
  app: ApiServer,
  { store: { brakes }, authentication }: RouteDependencies,
): void {
  app.get('/v1/brakes', { onRequest: authentication('read'), schema: LIST }, async ({ query }) => {
    const engaged = query.engaged === undefined ? undefined : query.engaged === 'true';
    const found = await brakes.listBrakes({ engaged, limit: MOST_LISTED + 1 });
    return toList(found.slice(0, MOST_LISTED).map(toBrake), found.length > MOST_LISTED);
  });
  const onRequest = authentication('operate');
  app.post('/v1/brakes', { onRequest, schema: ENGAGE }, async ({ body, actor }) =>
    toBrake(await brakes.engageByHand({ currency: body.currency ?? null, reason: body.reason, actor })),
  );
  app.post(
    '/v1/brakes/:brakeId/release',
    { onRequest, schema: RELEASE },
    async ({ params, body: { reason }, actor }) => {
      const released = await brakes.release({ ...params, reason, actor });
      if (released !== undefined) return toBrake(released);
      throw new ProblemError('BRAKE_NOT_FOUND', `There is no brake "${params.brakeId}".`);
    },
  );
}
