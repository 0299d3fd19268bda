import { asShop, closeApis, createFakes, openApi } from './api-fixture.js';

afterEach(closeApis);

const NOT_REREAD = { rereadFrom: null, rereadCursor: null };

test('the mirror shows how old it is, what cannot be read, and what it costs', async () => {
  const fakes = createFakes();
  const status = await fakes.store.mirror.readStatus();
  const at = new Date('2026-01-01T00:00:30Z');
  const list = {
    backfillCursor: 'po_7',
    overlapReadAt: null,
    isOffered: true,
    hasShown: true,
    problem: null,
    ...NOT_REREAD,
  };
  fakes.store.mirror.readStatus = () =>
    Promise.resolve({
      ...status,
      lists: [
        { ...list, kind: 'payout', backfilledAt: at, completedAt: at, objects: null },
        { ...list, kind: 'order', backfilledAt: null, completedAt: null, objects: 300, problem: 'LIST_LOST' },
      ],
      problems: [{ kind: 'payout', providerId: 'po_9', problem: 'fee', firstSeenAt: at }],
      untoldPayouts: ['p-7'],
    });
  const { app } = await openApi(fakes);
  const answer = await app.inject(asShop('GET', '/v1/provider'));
  expect(answer.statusCode).toBe(200);
  const firstSeenAt = at.toISOString();
  expect(answer.json()).toEqual({
    syncNo: '41',
    completedAt: '2026-01-01T00:00:48.000Z',
    ageSeconds: 12,
    problem: null,
    clockSkewMs: -120,
    lists: [
      {
        kind: 'payout',
        isOffered: true,
        completedAt: firstSeenAt,
        ageSeconds: 30,
        isFirstReading: false,
        objects: null,
        problem: null,
      },
      {
        kind: 'order',
        isOffered: true,
        completedAt: null,
        ageSeconds: null,
        isFirstReading: true,
        objects: 300,
        problem: 'LIST_LOST',
      },
    ],
    problems: [{ kind: 'payout', providerId: 'po_9', problem: 'fee', firstSeenAt }],
    untoldPayouts: ['p-7'],
    requests: [{ reason: 'sync', operation: 'listPayouts', perMinute: 6 }],
    maxRequestsPerSecond: 5,
  });
});
