import { FAILURES } from '../../../src/domain/failure-type.js';
import type { PayoutRequest } from '../../../src/domain/payout-request.js';
import { DEFAULT_PAYOUT_POLICY } from '../../../src/domain/policy.js';
import { TemporalUnavailableError } from '../../../src/temporal/temporal-unavailable-error.js';
import type { StartedPayout } from '../../../src/temporal/payout-gateway.js';
import { asShop, closeApis, createFakes, openApi, recordOf, REQUEST } from './api-fixture.js';
import type { PayoutRecord } from '../../../src/store/payouts/payout-reading.js';

afterEach(closeApis);

const create = (body: object) => asShop('POST', '/v1/payouts', body);

/** Fakes whose gateway opens the payout as the workflow would, with what the record says. */
function createOpeningFakes(changes: Partial<PayoutRecord> = {}) {
  const fakes = createFakes();
  const { deposit } = recordOf();
  const openings: StartedPayout[] = [];
  fakes.payouts.open = (payout) => {
    openings.push(payout);
    const { payoutId } = payout;
    const opened = { ...recordOf(), ...fakes.kept.get(payoutId), deposit };
    fakes.kept.set(payoutId, { ...opened, status: 'awaiting_deposit', ...changes });
    return Promise.resolve();
  };
  return { fakes, openings };
}

describe('POST /v1/payouts', () => {
  it('answers 201 with the deposit to make, to the call that started the payout', async () => {
    const { fakes, openings } = createOpeningFakes();
    const { app } = await openApi(fakes);
    const answer = await app.inject(create(REQUEST));
    expect(answer.statusCode).toBe(201);
    expect(answer.headers['location']).toBe('/v1/payouts/inv-2026-0001');
    expect(answer.json()).toMatchObject({
      payoutId: 'inv-2026-0001',
      status: 'awaiting_deposit',
      amount: '5000.00',
      currency: 'CNY',
      amountMode: 'receive',
      fundingCurrency: 'USDT',
      funding: 'deposit',
      description: 'Invoice 2026-0001',
      deposit: {
        currency: 'USDT',
        network: 'TRC20',
        address: '0x31C2',
        amount: '732.150013',
        received: '0.000000',
        missing: '732.150013',
        expiresAt: '2026-01-02T03:04:05.678Z',
      },
      createdAt: '2026-01-01T03:04:05.678Z',
    });
    expect(openings).toMatchObject([{ payoutId: 'inv-2026-0001', status: 'opening' }]);
  });

  it('has the row before the workflow, with the key that asked and the waits of the settings', async () => {
    const { fakes } = createOpeningFakes();
    const calls: unknown[] = [];
    const { accept } = fakes.store.payouts;
    fakes.store.payouts.accept = (asked) => {
      calls.push(asked);
      return accept(asked);
    };
    const { open } = fakes.payouts;
    fakes.payouts.open = (payout) => {
      calls.push('open');
      return open(payout);
    };
    const { app } = await openApi(fakes);
    await app.inject(create(REQUEST));
    expect(calls).toEqual([
      { request: REQUEST, maker: 'shop', owner: 'shop-owner', policy: DEFAULT_PAYOUT_POLICY },
      'open',
    ]);
  });

  it('tells "created" to the call that wrote the payout, and to no other', async () => {
    const { fakes } = createOpeningFakes();
    const { app } = await openApi(fakes);
    fakes.kept.set(REQUEST.payoutId, recordOf({ status: 'opening', deposit: null }));
    const answer = await app.inject(create(REQUEST));
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['location']).toBeUndefined();
  });

  it('answers a repetition with 200 and the current status, without asking Temporal', async () => {
    const { app } = await openApi(createFakes(recordOf({ status: 'in_transit' })));
    const answer = await app.inject(create(REQUEST));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ status: 'in_transit', deposit: { amount: '732.150013' } });
  });

  it('answers 409 to the same id with other content', async () => {
    const { app } = await openApi(createFakes(recordOf()));
    const answer = await app.inject(create({ ...REQUEST, amount: '5000.01' }));
    expect(answer.statusCode).toBe(409);
    expect(answer.json()).toMatchObject({ code: 'PAYOUT_ID_TAKEN' });
    expect(answer.json<{ detail: string }>().detail).toContain('new payoutId');
  });

  it.each<[string, () => Promise<void>]>([
    ['nobody opens it in time', () => Promise.resolve()],
    ['Temporal does not answer', () => Promise.reject(new TemporalUnavailableError('14 UNAVAILABLE'))],
    ['its workflow cannot be started', () => Promise.reject(new Error('3 INVALID_ARGUMENT'))],
  ])(
    'answers 202 with the accepted payout when %s, and tries again when it is repeated',
    async (_n, open) => {
      const fakes = createFakes();
      let calls = 0;
      fakes.payouts.open = () => {
        calls += 1;
        return open();
      };
      const { app } = await openApi(fakes);
      for (let repetition = 1; repetition <= 2; repetition += 1) {
        const answer = await app.inject(create(REQUEST));
        expect(answer.statusCode).toBe(202);
        expect(answer.headers).toMatchObject({ location: '/v1/payouts/inv-2026-0001', 'retry-after': '1' });
        expect(answer.body).not.toContain('canary');
        expect(answer.json()).toMatchObject({
          payoutId: 'inv-2026-0001',
          status: 'opening',
          funding: 'deposit',
          deposit: null,
          createdAt: '2026-01-01T03:04:05.678Z',
        });
        expect(calls).toBe(repetition);
      }
      expect((await app.inject(asShop('GET', '/v1/payouts?status=opening'))).json()).toMatchObject({
        data: [{ status: 'opening' }],
      });
    },
  );

  it('takes a payout that the balance funds, and says so', async () => {
    const { fakes } = createOpeningFakes({ deposit: null, status: 'awaiting_balance' });
    const { app } = await openApi(fakes);
    const answer = await app.inject(create({ ...REQUEST, funding: 'balance' }));
    expect(answer.json()).toMatchObject({ funding: 'balance', deposit: null });
  });

  it('answers 422 with the failure type and what to do, at first and ever after', async () => {
    const failure = { type: 'BELOW_MINIMUM', message: 'The minimum is 200 USDT' } as const;
    const { fakes } = createOpeningFakes({ status: 'rejected', failure, deposit: null });
    const { app } = await openApi(fakes);
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const answer = await app.inject(create(REQUEST));
      expect(answer.statusCode).toBe(422);
      expect(answer.json()).toMatchObject({
        code: 'BELOW_MINIMUM',
        detail: `The minimum is 200 USDT. ${FAILURES.BELOW_MINIMUM.action}`,
      });
    }
  });

  it('answers 503 when the database does not answer, and says to repeat', async () => {
    const fakes = createFakes();
    const error = Object.assign(new Error('connect ECONNREFUSED 10.1.2.3'), { code: 'ECONNREFUSED' });
    fakes.store.payouts.accept = () => Promise.reject(error);
    const { app } = await openApi(fakes);
    const answer = await app.inject(create(REQUEST));
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect(answer.json<{ detail: string }>().detail).toContain('Repeat the same request, with the same ids');
    expect(answer.body).not.toContain('10.1.2.3');
  });

  it('shows nothing of the destination in any answer or log line', async () => {
    const { fakes } = createOpeningFakes();
    const { app, logLines } = await openApi(fakes);
    const answers = [
      await app.inject(create(REQUEST)),
      await app.inject(create(REQUEST)),
      await app.inject(create({ ...REQUEST, amount: '1' })),
      await app.inject(create({ ...REQUEST, destination: { ...REQUEST.destination, type: 'x' } })),
      await app.inject(asShop('GET', '/v1/payouts/inv-2026-0001')),
      await app.inject(asShop('GET', '/v1/payouts')),
    ];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([201, 200, 409, 400, 200, 200]);
    expect(answers.map(({ body }) => body).join('') + logLines.join('')).not.toContain('canary');
  });
});

describe('static validation of a create request', () => {
  const minimal = { ...REQUEST, description: undefined };
  const destinations: PayoutRequest['destination'][] = [
    REQUEST.destination,
    { type: 'wallet', payerName: 'Li', addr: '0x1' },
    { type: 'GCash', payerName: 'Li', bankAccountNum: '1', country: 'PH' },
  ];

  it.each<[string, object]>([
    ['without description', minimal],
    ['of the smallest amount', { ...REQUEST, amount: '0.01' }],
    ['of the largest amount', { ...REQUEST, amount: '999999999999999999.99' }],
    ['that fixes what is sent', { ...REQUEST, amountMode: 'send', amount: '0.000001' }],
    ['that the balance funds', { ...REQUEST, funding: 'balance' }],
    ['with the longest texts', { ...REQUEST, description: '字'.repeat(256) }],
    ...destinations.map((destination): [string, object] => [
      `to ${destination.type}`,
      { ...REQUEST, destination },
    ]),
  ])(
    'accepts a payout %s: the documented schema refuses nothing that the domain accepts',
    async (_n, body) => {
      const { fakes } = createOpeningFakes();
      const { app } = await openApi(fakes);
      expect((await app.inject(create(body))).statusCode).toBe(201);
      expect(fakes.kept.get(REQUEST.payoutId)?.request).toEqual(JSON.parse(JSON.stringify(body)));
    },
  );

  it.each<[string, unknown, string[]]>([
    ['a number as amount', { ...REQUEST, amount: 5000 }, ['amount']],
    ['an exponent', { ...REQUEST, amount: '5e3' }, ['amount']],
    ['too many decimals', { ...REQUEST, amount: '5.001' }, ['amount']],
    ['zero', { ...REQUEST, amount: '0.00' }, ['amount']],
    ['a lower-case currency', { ...REQUEST, currency: 'cny' }, ['currency']],
    ['an id with a slash', { ...REQUEST, payoutId: 'a/b' }, ['payoutId']],
    ['the id ".."', { ...REQUEST, payoutId: '..' }, ['payoutId']],
    ['an unknown mode', { ...REQUEST, amountMode: 'both' }, ['amountMode']],
    ['an unknown source of money', { ...REQUEST, funding: 'credit' }, ['funding']],
    ['an unknown field', { ...REQUEST, policy: {} }, ['policy']],
    ['a missing part', { ...REQUEST, destination: { type: 'wallet', addr: 'x' } }, ['destination.payerName']],
    [
      'an unknown part',
      { ...REQUEST, destination: { ...REQUEST.destination, iban: 'x' } },
      ['destination.iban'],
    ],
    [
      'everything at once',
      { payoutId: '', amount: 1, currency: 1, amountMode: 1, destination: 1, description: '' },
      ['payoutId', 'currency', 'fundingCurrency', 'amountMode', 'amount', 'description', 'destination'],
    ],
    ['a list', [], ['']],
    ['nothing', undefined, ['']],
  ])('refuses %s, naming the field, before anything starts', async (_name, body, fields) => {
    const { app } = await openApi(createFakes());
    const answer = await app.inject(create(body as object));
    expect(answer.statusCode).toBe(400);
    const problem = answer.json<{ code: string; errors: { field: string; message: string }[] }>();
    expect(problem.code).toBe('VALIDATION_FAILED');
    expect(problem.errors.map(({ field }) => field)).toEqual(fields);
  });
});
