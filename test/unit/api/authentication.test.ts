import type { InjectOptions } from 'fastify';
import type { ReconciliationReport } from '../../../src/domain/reconciliation.js';
import {
  closeApis,
  createFakes,
  depositOf,
  KEYS,
  openApi,
  recordOf,
  REQUEST,
  TRANSACTION,
} from './api-fixture.js';

afterEach(closeApis);

const ROUTES: Record<'create' | 'read' | 'operate', InjectOptions[]> = {
  create: [
    { method: 'POST', url: '/v1/payouts', payload: REQUEST },
    { method: 'POST', url: '/v1/payouts/inv-2026-0001/cancel' },
    { method: 'POST', url: '/v1/payouts/inv-2026-0001/deposit', payload: { txHash: 'a'.repeat(64) } },
  ],
  read: [
    { method: 'GET', url: '/v1/payouts' },
    { method: 'GET', url: '/v1/payouts/inv-2026-0001' },
    { method: 'GET', url: '/v1/deposits' },
    { method: 'GET', url: '/v1/deposits/notices' },
    { method: 'GET', url: '/v1/deposits/dep_1' },
    { method: 'GET', url: '/v1/balances' },
    { method: 'GET', url: '/v1/ledger' },
    { method: 'GET', url: '/v1/reconciliation' },
  ],
  operate: [
    {
      method: 'POST',
      url: '/v1/deposits',
      payload: { txHash: TRANSACTION, currency: 'USDT', amount: '100.50' },
    },
    { method: 'POST', url: '/v1/deposits/dep_1/assign', payload: { to: 'available' } },
    {
      method: 'POST',
      url: '/v1/deposits/assign',
      payload: { assignments: [{ depositId: 'dep_1', to: 'available' }] },
    },
    ...['hold', 'resume', 'retry'].map((operation): InjectOptions => {
      return {
        method: 'POST',
        url: `/v1/payouts/${REQUEST.payoutId}/${operation}`,
        payload: { reason: 'so' },
      };
    }),
    {
      method: 'POST',
      url: `/v1/payouts/${REQUEST.payoutId}/resolve`,
      payload: { action: 'resend', reason: 'so' },
    },
  ],
};
const ALL = [...ROUTES.create, ...ROUTES.read, ...ROUTES.operate];
const EMPTY_REPORT: ReconciliationReport = {
  ranAtMs: 0,
  readAtMs: 0,
  sinceMs: 0,
  clean: true,
  discrepancies: [],
  outside: [],
  inFlight: 0,
  balances: [],
  compared: { payouts: 0, orders: 0, deposits: 0, balanceTransactions: 0 },
};
const OPEN_PATHS = ['/livez', '/readyz', '/openapi.json', '/docs'];

/** Fakes that every route of {@link ROUTES} finds something to answer with. */
function createComplete() {
  const fakes = createFakes(recordOf());
  fakes.keptDeposits.set(
    'dep_1',
    depositOf({
      depositId: 'dep_1',
      status: 'allocated',
      allocations: [{ payoutId: null, owner: null, amount: '100.50', matchedBy: 'person' }],
    }),
  );
  fakes.store.deposits.assignDeposits = () => Promise.resolve([{ code: null, detail: null }]);
  fakes.payouts.decide = () => Promise.resolve({ kind: 'done' });
  fakes.payouts.cancel = ({ payoutId }) => {
    fakes.kept.set(payoutId, recordOf({ status: 'cancelled' }));
    return Promise.resolve({ kind: 'done' });
  };
  fakes.reconciliation.run = () => Promise.resolve(EMPTY_REPORT);
  return fakes;
}
const withKey = (route: InjectOptions, authorization?: string): InjectOptions => ({
  ...route,
  ...(authorization === undefined ? {} : { headers: { authorization } }),
});

describe('with keys', () => {
  it.each([
    ['shop', { create: 200, read: 200, operate: 403 }],
    ['viewer', { create: 403, read: 200, operate: 403 }],
    ['ops', { create: 403, read: 403, operate: 200 }],
  ] as const)('the key %s may do what its scopes say', async (name, expected) => {
    const { app } = await openApi(createComplete());
    for (const scope of ['create', 'read', 'operate'] as const) {
      for (const route of ROUTES[scope]) {
        const answer = await app.inject(withKey(route, `Bearer ${KEYS[name]}`));
        expect(answer.statusCode).toBe(expected[scope]);
        if (answer.statusCode !== 403) continue;
        expect(answer.json()).toMatchObject({ code: 'SCOPE_MISSING' });
        expect(answer.json<{ detail: string }>().detail).toContain(`"${scope}"`);
        expect(answer.headers['www-authenticate']).toContain(`scope="${scope}"`);
      }
    }
  });

  it.each<[string, string | undefined]>([
    ['no header', undefined],
    ['an unknown key', 'Bearer wrong'],
    ['the hash of a key', 'Bearer 8d7f'],
    ['a key and more', `Bearer ${KEYS.shop} x`],
    ['another scheme', `Basic ${KEYS.shop}`],
    ['an empty key', 'Bearer '],
  ])('401 for %s, on every route, whatever else is wrong with the request', async (_name, authorization) => {
    const { app } = await openApi(createComplete());
    for (const route of [...ALL, { method: 'POST', url: '/v1/payouts', payload: '{' } as const]) {
      const answer = await app.inject(withKey(route, authorization));
      expect(answer.json()).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    }
  });

  it('takes the scheme in any case', async () => {
    const { app } = await openApi(createComplete());
    const answer = await app.inject(withKey(ROUTES.read[0] ?? {}, `bearer  ${KEYS.viewer}`));
    expect(answer.statusCode).toBe(200);
  });

  it.each(OPEN_PATHS)('%s needs none', async (url) => {
    const { app } = await openApi(createFakes());
    expect((await app.inject({ method: 'GET', url })).statusCode).toBe(200);
  });
});

describe('without keys', () => {
  it.each(['localhost', 'LOCALHOST:8080', '127.0.0.1:8080', '127.9.9.9', '[::1]:8080'])(
    'lets requests to %s through as local',
    async (host) => {
      const { app, logLines } = await openApi(createComplete(), { apiKeys: [] });
      expect((await app.inject({ ...ROUTES.create[1], headers: { host } })).statusCode).toBe(200);
      expect(JSON.parse(logLines.at(-1) ?? '')).toMatchObject({ actor: 'local' });
    },
  );

  it.each(['payouts.example', 'localhost.example', '127.0.0.1.example', '10.0.0.1', 'a@localhost'])(
    'refuses requests to "%s": a name that was rebound to loopback',
    async (host) => {
      const { app } = await openApi(createComplete(), { apiKeys: [] });
      for (const route of ALL) {
        const answer = await app.inject({ ...route, headers: { host } });
        expect(answer.json()).toMatchObject({ status: 403, code: 'HOST_REFUSED' });
      }
    },
  );

  it.each([
    ['https://evil.example', 403],
    ['null', 403],
    ['http://localhost:8080', 200],
  ])('answers a page of %s with %d', async (origin, status) => {
    const { app } = await openApi(createComplete(), { apiKeys: [] });
    const answer = await app.inject({ ...ROUTES.create[1], headers: { host: 'localhost:8080', origin } });
    expect(answer.statusCode).toBe(status);
  });

  it('answers probes whatever they call the host', async () => {
    const { app } = await openApi(createFakes(), { apiKeys: [] });
    const headers = { host: 'payouts.internal' };
    expect((await app.inject({ url: '/readyz', headers })).statusCode).toBe(200);
  });
});
