import {
  callFor,
  DISCREPANCIES,
  DISCREPANCY_KINDS,
  type Discrepancy,
  type ReconciliationReport,
} from '../../../src/domain/reconciliation.js';
import { TemporalUnavailableError } from '../../../src/temporal/temporal-unavailable-error.js';
import { asShop, closeApis, createFakes, openApi } from './api-fixture.js';

afterEach(closeApis);

const RAN_AT_MS = Date.parse('2026-01-02T00:00:00Z');
const DISCREPANCY: Discrepancy = {
  kind: 'AMOUNT_DIFFERS',
  object: 'payout',
  currency: 'CNY',
  payoutId: 'a',
  externalOrderId: 'a~2',
  providerIds: ['po_1', 'po_2'],
  store: '5000',
  provider: '4999.5',
  sinceMs: RAN_AT_MS - 90_999,
};
const REPORT: ReconciliationReport = {
  ranAtMs: RAN_AT_MS,
  readAtMs: RAN_AT_MS - 1_000,
  sinceMs: Date.parse('2026-01-01T00:00:00Z'),
  clean: false,
  discrepancies: [
    DISCREPANCY,
    {
      kind: 'BALANCE_OFF',
      object: 'balance',
      currency: 'USDT',
      payoutId: null,
      externalOrderId: null,
      providerIds: [],
      store: null,
      provider: null,
      sinceMs: RAN_AT_MS + 1,
    },
  ],
  outside: [
    { balanceTransactionId: 'bt_1', type: 'charge', currency: 'USDT', net: '-1.5', createdAtMs: RAN_AT_MS },
  ],
  inFlight: 2,
  balances: [
    { currency: 'CNY', ledger: '100', provider: '99', explained: '-0.5', off: '-0.5', offSinceMs: RAN_AT_MS },
  ],
  compared: { payouts: 1, orders: 2, deposits: 3, balanceTransactions: 4 },
};
const read = asShop('GET', '/v1/reconciliation');

describe('what a discrepancy is acted on by', () => {
  it.each(DISCREPANCY_KINDS)('%s: a call that there is, or none', async (kind) => {
    const { app } = await openApi(createFakes());
    const { paths } = (await app.inject('/openapi.json')).json<{ paths: Record<string, object> }>();
    const call = callFor({ ...DISCREPANCY, kind });
    const path = call?.path.replace('/payouts/a/', '/payouts/{payoutId}/');
    if (path !== undefined) expect(paths[path]).toHaveProperty('post');
    // Of no payout of the store's there is nothing to decide.
    expect(callFor({ ...DISCREPANCY, kind, payoutId: null })?.path ?? '').not.toContain('/payouts/');
  });

  it('says what is known already, and leaves the reason to a person', () => {
    expect(callFor({ ...DISCREPANCY, kind: 'OUTCOME_NOT_RECORDED' })?.body).toEqual({
      action: 'adopt',
      providerPayoutId: 'po_1',
      reason: '',
    });
    const off = { ...DISCREPANCY, kind: 'BALANCE_OFF', payoutId: null } as const;
    const body = { kind: 'correction', currency: 'CNY', amount: '-0.50', reason: '' };
    expect(callFor(off)).toEqual({ method: 'POST', path: '/v1/ledger/adjustments', body });
    expect(callFor({ ...DISCREPANCY, kind: 'RETURN_OVERDUE' })?.body).toEqual({
      ...{ kind: 'write_off', currency: 'CNY', amount: '5000.00' },
      ...{ payoutId: 'a', reason: '' },
    });
  });
});

describe('GET /v1/reconciliation', () => {
  it('runs the comparison, and shows what it found and what to do', async () => {
    const fakes = createFakes();
    fakes.reconciliation.run = () => Promise.resolve(REPORT);
    const { app } = await openApi(fakes);
    const answer = await app.inject(read);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      ranAt: '2026-01-02T00:00:00.000Z',
      readAt: '2026-01-01T23:59:59.000Z',
      since: '2026-01-01T00:00:00.000Z',
      clean: false,
      discrepancies: [
        {
          kind: 'AMOUNT_DIFFERS',
          object: 'payout',
          currency: 'CNY',
          payoutId: 'a',
          externalOrderId: 'a~2',
          providerIds: ['po_1', 'po_2'],
          store: '5000',
          provider: '4999.5',
          since: '2026-01-01T23:58:29.001Z',
          ageSeconds: 90,
          meaning: DISCREPANCIES.AMOUNT_DIFFERS.meaning,
          action: DISCREPANCIES.AMOUNT_DIFFERS.action,
          call: { method: 'POST', path: '/v1/payouts/a/hold', body: { reason: '' } },
        },
        expect.objectContaining({
          kind: 'BALANCE_OFF',
          payoutId: null,
          providerIds: [],
          store: null,
          provider: null,
          ageSeconds: 0,
          action: DISCREPANCIES.BALANCE_OFF.action,
        }),
      ],
      outside: [
        {
          balanceTransactionId: 'bt_1',
          type: 'charge',
          currency: 'USDT',
          net: '-1.500000',
          createdAt: '2026-01-02T00:00:00.000Z',
        },
      ],
      inFlight: 2,
      balances: [
        {
          currency: 'CNY',
          ledger: '100.00',
          provider: '99.00',
          explained: '-0.50',
          off: '-0.50',
          offSince: '2026-01-02T00:00:00.000Z',
        },
      ],
      compared: { payouts: 1, orders: 2, deposits: 3, balanceTransactions: 4 },
    });
  });

  it('answers 503 with a time to come back when the comparison does not finish', async () => {
    const { app } = await openApi(createFakes());
    const answer = await app.inject(read);
    expect(answer.json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    expect(answer.json<{ detail: string }>().detail).toContain('did not finish in time');
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  });

  it('answers 503 when Temporal does not answer', async () => {
    const fakes = createFakes();
    fakes.reconciliation.run = () => Promise.reject(new TemporalUnavailableError('away'));
    const { app } = await openApi(fakes);
    expect((await app.inject(read)).json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
  });
});
