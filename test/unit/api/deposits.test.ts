import type { AssignOutcome } from '../../../src/temporal/deposit-gateway.js';
import { TemporalUnavailableError } from '../../../src/temporal/temporal-unavailable-error.js';
import { asOps, asShop, closeApis, createFakes, depositOf, openApi, TRANSACTION } from './api-fixture.js';
import type { DepositRecord } from '../../../src/store/deposits/deposit-reading.js';
import { UnknownCursorError } from '../../../src/store/paging.js';

afterEach(closeApis);

const ID = `tx:${TRANSACTION}`;

function createDepositFakes(...deposits: DepositRecord[]) {
  const fakes = createFakes();
  for (const deposit of deposits) fakes.keptDeposits.set(deposit.depositId, deposit);
  return fakes;
}

describe('GET /v1/deposits', () => {
  it('answers a list, newest first, ten by default', async () => {
    const fakes = createDepositFakes(depositOf({ depositId: 'b' }), depositOf({ depositId: 'a' }));
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', '/v1/deposits'));
    expect(answer.json()).toMatchObject({
      object: 'list',
      data: [{ depositId: 'b' }, { depositId: 'a' }],
      hasMore: false,
    });
    expect(fakes.calls).toEqual([{ limit: 10 }]);
  });

  it('passes limit, cursor and filter on', async () => {
    const fakes = createFakes();
    const { app } = await openApi(fakes);
    await app.inject(asShop('GET', `/v1/deposits?limit=100&starting_after=${ID}&status=unallocated`));
    await app.inject(asShop('GET', '/v1/deposits?limit=1&ending_before=dep%2F1&status=allocated'));
    expect(fakes.calls).toEqual([
      { limit: 100, startingAfter: ID, status: 'unallocated' },
      { limit: 1, endingBefore: 'dep/1', status: 'allocated' },
    ]);
  });

  it.each([
    ['limit=0', 'limit'],
    ['status=lost', 'status'],
    ['starting_after=', 'starting_after'],
    ['payoutId=a', 'payoutId'],
  ])('refuses ?%s, naming %s', async (query, field) => {
    const fakes = createFakes();
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', `/v1/deposits?${query}`));
    expect(answer.json()).toMatchObject({ status: 400, errors: [{ field }] });
    expect(fakes.calls).toEqual([]);
  });

  it('refuses a cursor that names no deposit', async () => {
    const fakes = createFakes();
    fakes.store.deposits.listDeposits = () => Promise.reject(new UnknownCursorError('ending_before'));
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', '/v1/deposits?ending_before=gone'));
    expect(answer.json()).toMatchObject({
      status: 400,
      errors: [{ field: 'ending_before', message: 'names no deposit' }],
    });
  });
});

describe('GET /v1/deposits/{depositId}', () => {
  it('shows the deposit and whose it is', async () => {
    const record = depositOf({
      status: 'allocated',
      allocations: [
        { payoutId: 'a', amount: '100', matchedBy: 'person' },
        { payoutId: null, amount: '0.5', matchedBy: 'person' },
      ],
    });
    const { app } = await openApi(createDepositFakes(record));
    const answer = await app.inject(asShop('GET', `/v1/deposits/${ID}`));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      depositId: ID,
      providerDepositId: null,
      txHash: TRANSACTION,
      currency: 'USDT',
      amount: '100.500000',
      address: '0x31C2',
      status: 'allocated',
      unallocatedReason: 'UNMATCHED_DEPOSIT',
      allocations: [
        { payoutId: 'a', amount: '100.000000', matchedBy: 'person' },
        { payoutId: null, amount: '0.500000', matchedBy: 'person' },
      ],
      verifiedAt: '2026-01-01T03:04:05.678Z',
      decidedAt: '2026-01-01T03:04:06.000Z',
    });
  });

  it('shows a deposit that nobody has decided about', async () => {
    const record = depositOf({ status: 'verified', unallocatedReason: null, decidedAt: null });
    const { app } = await openApi(createDepositFakes(record));
    expect((await app.inject(asShop('GET', `/v1/deposits/${ID}`))).json()).toMatchObject({
      status: 'verified',
      unallocatedReason: null,
      allocations: [],
      decidedAt: null,
    });
  });

  it.each(['dep/1', '~!$', 'x'.repeat(200)])(
    'finds a deposit that the provider calls %s',
    async (depositId) => {
      const { app } = await openApi(createDepositFakes(depositOf({ depositId })));
      const answer = await app.inject(asShop('GET', `/v1/deposits/${encodeURIComponent(depositId)}`));
      expect(answer.json()).toMatchObject({ depositId });
    },
  );

  it('answers 404 for an unknown id and 400 for an impossible one', async () => {
    const { app } = await openApi(createFakes());
    const unknown = await app.inject(asShop('GET', '/v1/deposits/nobodys'));
    expect(unknown.json()).toMatchObject({ status: 404, code: 'DEPOSIT_NOT_FOUND' });
    for (const impossible of ['a%20b', 'a%00', '%C3%A9', 'x'.repeat(201)]) {
      const answer = await app.inject(asShop('GET', `/v1/deposits/${impossible}`));
      expect(answer.json()).toMatchObject({ status: 400, errors: [{ field: 'depositId' }] });
    }
  });
});

describe('POST /v1/deposits', () => {
  const BODY = { txHash: `0x${'AB'.repeat(32)}`, currency: 'USDT', amount: '100.5' };
  const record = (body: object) => asOps('POST', '/v1/deposits', body);

  it.each([true, false])('starts the reading of it, or finds it started (created: %s)', async (created) => {
    const fakes = createFakes();
    fakes.deposits.record = (deposit) => {
      fakes.calls.push(deposit);
      return Promise.resolve({ depositId: `tx:${deposit.txHash}`, created });
    };
    const { app } = await openApi(fakes);
    const answer = await app.inject(record(BODY));
    expect(answer.statusCode).toBe(202);
    expect(answer.headers['location']).toBe(`/v1/deposits/${ID}`);
    expect(answer.json()).toEqual({
      depositId: ID,
      status: 'unverified',
      txHash: TRANSACTION,
      currency: 'USDT',
      amount: '100.500000',
    });
    expect(fakes.calls).toEqual([{ txHash: TRANSACTION, currency: 'USDT', amount: '100.5' }]);
  });

  it('answers 200 with the deposit that is in the store already, and starts nothing', async () => {
    const { app } = await openApi(createDepositFakes(depositOf({ depositId: 'dep_1' })));
    const answer = await app.inject(record(BODY));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ depositId: 'dep_1', status: 'unallocated', txHash: TRANSACTION });
  });

  it('answers 503 when Temporal does not answer, and says to repeat', async () => {
    const fakes = createFakes();
    fakes.deposits.record = () => Promise.reject(new TemporalUnavailableError('away'));
    const { app } = await openApi(fakes);
    const answer = await app.inject(record(BODY));
    expect(answer.json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    expect(answer.json<{ detail: string }>().detail).toContain('Repeat the same request');
    expect(answer.headers['retry-after']).toBeDefined();
  });

  it.each<[unknown, string[]]>([
    [{}, ['txHash', 'currency', 'amount']],
    [{ ...BODY, txHash: 'short' }, ['txHash']],
    [{ ...BODY, currency: 'usdt' }, ['currency']],
    [{ ...BODY, amount: 100.5 }, ['amount']],
    [{ ...BODY, amount: '0' }, ['amount']],
    [{ ...BODY, amount: '1.0000001' }, ['amount']],
    [{ ...BODY, currency: 'CNY', amount: '1.001' }, ['amount']],
    [{ ...BODY, address: '0x1' }, ['address']],
    [undefined, ['']],
  ])('refuses %j, naming the field', async (body, fields) => {
    const { app } = await openApi(createFakes());
    const answer = await app.inject(record(body as object));
    expect(answer.json()).toMatchObject({
      status: 400,
      code: 'VALIDATION_FAILED',
      errors: fields.map((field) => ({ field })),
    });
  });
});

describe('POST /v1/deposits/{depositId}/assign', () => {
  const assign = (to: unknown, more: object = {}) =>
    asOps('POST', `/v1/deposits/${ID}/assign`, { to, ...more });
  const given = (...parts: [payoutId: string | null, amount: string][]): Partial<DepositRecord> => ({
    status: 'allocated',
    allocations: parts.map(([payoutId, amount]) => ({ payoutId, amount, matchedBy: 'person' })),
  });

  /** Fakes whose gateway answers with `outcome`, and whose store has the deposit `after` from then on. */
  function createAssignFakes(outcome: AssignOutcome, after: Partial<DepositRecord> = {}) {
    const fakes = createDepositFakes(depositOf());
    fakes.deposits.assign = (depositId, decision) => {
      fakes.calls.push({ depositId, ...decision });
      fakes.keptDeposits.set(depositId, depositOf(after));
      return Promise.resolve(outcome);
    };
    return fakes;
  }

  it('gives all of it to the available balance, as the actor that the key names', async () => {
    const fakes = createAssignFakes({ kind: 'assigned' }, given([null, '100.5']));
    const { app } = await openApi(fakes);
    const answer = await app.inject(assign('available'));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      depositId: ID,
      status: 'allocated',
      allocations: [{ payoutId: null, amount: '100.500000', matchedBy: 'person' }],
    });
    expect(fakes.calls).toEqual([{ depositId: ID, to: 'available', actor: 'ops' }]);
  });

  it('gives it to payouts in parts, and answers with what became of them', async () => {
    const fakes = createAssignFakes({ kind: 'assigned' }, given(['a', '60.5'], ['b', '30'], [null, '10']));
    const { app } = await openApi(fakes);
    const to = [
      { payoutId: 'a', amount: '60.5' },
      { payoutId: 'b', amount: '40.00' },
    ];
    const answer = await app.inject(assign(to));
    expect(answer.statusCode).toBe(200);
    expect(answer.json<{ allocations: object[] }>().allocations).toHaveLength(3);
    expect(fakes.calls).toEqual([{ depositId: ID, to, actor: 'ops' }]);
  });

  it.each<[string, Partial<DepositRecord>, unknown]>([
    ['to the available balance', given([null, '100.5']), 'available'],
    [
      'in another order and spelling',
      given(['a', '60.5'], ['b', '40']),
      [
        { payoutId: 'b', amount: '40.00' },
        { payoutId: 'a', amount: '60.50' },
      ],
    ],
    ['whose surplus is available', given(['a', '60'], [null, '40.5']), [{ payoutId: 'a', amount: '100.5' }]],
    [
      'given in two rows',
      given(['a', '60'], ['a', '40'], [null, '0.5']),
      [{ payoutId: 'a', amount: '100.5' }],
    ],
  ])('answers a repeated assignment %s with 200, and does nothing', async (_name, changes, to) => {
    const { app } = await openApi(createDepositFakes(depositOf(changes)));
    const answer = await app.inject(assign(to));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ depositId: ID, status: 'allocated' });
  });

  it.each<[string, Partial<DepositRecord>, unknown]>([
    ['to a payout, asked for available', given(['a', '60'], [null, '40.5']), 'available'],
    [
      'to the available balance, asked for a payout',
      given([null, '100.5']),
      [{ payoutId: 'a', amount: '100.5' }],
    ],
    ['to another payout', given(['b', '100.5']), [{ payoutId: 'a', amount: '100.5' }]],
    [
      'to fewer payouts',
      given(['a', '60.5'], [null, '40']),
      [
        { payoutId: 'a', amount: '60.5' },
        { payoutId: 'b', amount: '40' },
      ],
    ],
    ['to more payouts', given(['a', '60.5'], ['b', '40']), [{ payoutId: 'a', amount: '100.5' }]],
    [
      'in other parts',
      given(['a', '60.5'], ['b', '40']),
      [
        { payoutId: 'a', amount: '60' },
        { payoutId: 'b', amount: '40.5' },
      ],
    ],
    ['wholly, asked for a part', given(['a', '60'], [null, '40.5']), [{ payoutId: 'a', amount: '60' }]],
  ])('answers 409 for a deposit that was given %s', async (_name, changes, to) => {
    const { app } = await openApi(createDepositFakes(depositOf(changes)));
    expect((await app.inject(assign(to))).json()).toMatchObject({ status: 409, code: 'DEPOSIT_ASSIGNED' });
  });

  it.each(['100', '100.500001'])('answers 422 for parts of %s in sum, naming both sums', async (amount) => {
    const { app } = await openApi(createDepositFakes(depositOf()));
    const answer = await app.inject(assign([{ payoutId: 'a', amount }]));
    expect(answer.json()).toMatchObject({ status: 422, code: 'ASSIGNMENT_REFUSED' });
    const { detail } = answer.json<{ detail: string }>();
    expect(detail).toContain(amount === '100' ? '100.000000 USDT' : '100.500001 USDT');
    expect(detail).toContain('100.500000 USDT');
  });

  it('answers 422 with the reason when the workflow refuses', async () => {
    const fakes = createAssignFakes({ kind: 'refused', message: 'The payout a has ended.' });
    const { app } = await openApi(fakes);
    expect((await app.inject(assign([{ payoutId: 'a', amount: '100.5' }]))).json()).toMatchObject({
      status: 422,
      code: 'ASSIGNMENT_REFUSED',
      detail: 'The payout a has ended.',
    });
  });

  it('answers 409 when nothing waits for a decision', async () => {
    const { app } = await openApi(createAssignFakes({ kind: 'unknown' }));
    expect((await app.inject(assign('available'))).json()).toMatchObject({ status: 409, code: 'CONFLICT' });
  });

  it('answers 500 when the store does not have what the workflow says', async () => {
    const { app } = await openApi(createAssignFakes({ kind: 'assigned' }));
    expect((await app.inject(assign('available'))).json()).toMatchObject({ status: 500, code: 'INTERNAL' });
  });

  it.each<[AssignOutcome, Partial<DepositRecord>, object]>([
    [{ kind: 'refused', message: 'no' }, given(['b', '100.5']), { status: 409, code: 'DEPOSIT_ASSIGNED' }],
    [{ kind: 'refused', message: 'no' }, given([null, '100.5']), { status: 'allocated' }],
    [{ kind: 'assigned' }, given(['b', '100.5']), { status: 409, code: 'DEPOSIT_ASSIGNED' }],
    [{ kind: 'unknown' }, given(['b', '100.5']), { status: 409, code: 'DEPOSIT_ASSIGNED' }],
    [{ kind: 'unknown' }, given([null, '100.5']), { status: 'allocated' }],
  ])('reads the store again after %j', async (outcome, after, expected) => {
    const { app } = await openApi(createAssignFakes(outcome, after));
    expect((await app.inject(assign('available'))).json()).toMatchObject(expected);
  });

  it('answers 404 for a deposit that is not in the store', async () => {
    const { app } = await openApi(createFakes());
    expect((await app.inject(assign('available'))).json()).toMatchObject({
      status: 404,
      code: 'DEPOSIT_NOT_FOUND',
    });
  });

  const PART = { payoutId: 'a', amount: '100.5' };
  it.each<[unknown, string[]]>([
    [undefined, ['to']],
    ['Free', ['to']],
    [[], ['to']],
    [Array.from({ length: 101 }, (_, index) => ({ payoutId: `p${index}`, amount: '1' })), ['to']],
    [[{ ...PART, payoutId: 'a/b' }], ['to.0.payoutId']],
    [[PART, { ...PART, payoutId: 'b', amount: 1 }], ['to.1.amount']],
    [[{ ...PART, amount: '0' }], ['to.0.amount']],
    [[{ ...PART, amount: '1.0000001' }], ['to.0.amount']],
    [[{ ...PART, currency: 'USDT' }], ['to.0.currency']],
    [[PART, PART], ['to.1.payoutId']],
    [
      [
        { payoutId: '', amount: 'x' },
        { payoutId: 'b', amount: '1.' },
      ],
      ['to.0.payoutId', 'to.0.amount', 'to.1.amount'],
    ],
  ])('refuses to: %j, naming the field', async (to, fields) => {
    const { app } = await openApi(createDepositFakes(depositOf()));
    const answer = await app.inject(assign(to));
    expect(answer.json()).toMatchObject({ status: 400, code: 'VALIDATION_FAILED' });
    expect(answer.json<{ errors: { field: string }[] }>().errors.map(({ field }) => field)).toEqual(fields);
  });

  it('refuses an unknown field beside a good one', async () => {
    const { app } = await openApi(createDepositFakes(depositOf()));
    const answer = await app.inject(assign('available', { reason: 'x' }));
    expect(answer.json()).toMatchObject({ status: 400, errors: [{ field: 'reason' }] });
  });

  it('measures amounts by the currency of the deposit', async () => {
    const { app } = await openApi(createDepositFakes(depositOf({ currency: 'CNY', amount: '1.00' })));
    const answer = await app.inject(assign([{ payoutId: 'a', amount: '1.0001' }]));
    expect(answer.json()).toMatchObject({ status: 400, errors: [{ field: 'to.0.amount' }] });
  });
});
