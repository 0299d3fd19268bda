import type { AssignOutcome } from '../../../src/store/deposits/assignment.js';
import { asOps, asShop, closeApis, createFakes, depositOf, openApi, TRANSACTION } from './api-fixture.js';
import type { DepositRecord } from '../../../src/store/deposits/deposit-reading.js';
import { UnknownCursorError } from '../../../src/store/paging.js';

afterEach(closeApis);

const ID = `tx:${TRANSACTION}`;
const ASSIGNED: AssignOutcome = { code: null, detail: null };

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
        { payoutId: 'a', owner: null, amount: '100', matchedBy: 'person' },
        { payoutId: null, owner: 'shop-owner', amount: '0.5', matchedBy: 'person' },
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
        { payoutId: 'a', owner: null, amount: '100.000000', matchedBy: 'person' },
        { payoutId: null, owner: 'shop-owner', amount: '0.500000', matchedBy: 'person' },
      ],
      suggestions: [],
      verifiedAt: '2026-01-01T03:04:05.678Z',
      decidedAt: '2026-01-01T03:04:06.000Z',
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

  it('notes it, and answers with the notice', async () => {
    const fakes = createFakes();
    fakes.store.deposits.noteDeposit = (notice) => {
      fakes.calls.push(notice);
      return Promise.resolve({ ...notice, noticeId: ID, noticedAt: new Date() });
    };
    const { app } = await openApi(fakes);
    const answer = await app.inject(record(BODY));
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toMatchObject({
      noticeId: ID,
      txHash: TRANSACTION,
      currency: 'USDT',
      amount: '100.500000',
      reason: null,
    });
    const names = { providerDepositId: null, txHash: TRANSACTION, address: null };
    expect(fakes.calls).toEqual([{ ...names, currency: 'USDT', amount: '100.5' }]);
  });

  it('answers 200 with the deposit that is in the store already, and notes nothing', async () => {
    const { app } = await openApi(createDepositFakes(depositOf({ depositId: 'dep_1' })));
    const answer = await app.inject(record(BODY));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ depositId: 'dep_1', status: 'unallocated', txHash: TRANSACTION });
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

describe('GET /v1/deposits/notices', () => {
  it('shows since when a notice has been without money, and when that is too long', async () => {
    const fakes = createFakes();
    const notice = {
      providerDepositId: 'dep_1',
      txHash: null,
      address: null,
      currency: 'USDT',
      amount: '7.5',
    };
    const ageOf = (seconds: number): Date => new Date(Date.now() - seconds * 1_000);
    fakes.store.deposits.listOpenNotices = (request) => {
      fakes.calls.push(request);
      const items = [
        { ...notice, noticeId: 'dep_1', noticedAt: ageOf(60) },
        { ...notice, noticeId: 'dep_2', noticedAt: ageOf(3_700) },
      ];
      return Promise.resolve({ items, hasMore: false });
    };
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', '/v1/deposits/notices?limit=5'));
    expect(answer.json()).toMatchObject({
      object: 'list',
      data: [
        { noticeId: 'dep_1', amount: '7.500000', reason: null },
        { noticeId: 'dep_2', reason: 'DEPOSIT_UNVERIFIED' },
      ],
    });
    expect(fakes.calls).toEqual([{ limit: 5 }]);
  });
});

describe('POST /v1/deposits/assign', () => {
  it('answers for each, in the order asked for', async () => {
    const fakes = createFakes();
    fakes.store.deposits.readAgain = () => Promise.resolve(['d2']);
    fakes.store.deposits.assignDeposits = (assignments, actor) => {
      fakes.calls.push({ assignments, actor });
      return Promise.resolve<AssignOutcome[]>([
        ASSIGNED,
        { code: 'ASSIGNMENT_REFUSED', detail: 'payout a is paid' },
        { code: 'DEPOSIT_ASSIGNED', detail: 'elsewhere' },
      ]);
    };
    const { app } = await openApi(fakes);
    const assignments = [
      { depositId: 'd1', to: 'available' },
      { depositId: 'd2', to: 'available' },
      { depositId: 'd3', to: [{ payoutId: 'a', amount: '1' }] },
      { depositId: 'd4', to: 'available' },
    ];
    const answer = await app.inject(asOps('POST', '/v1/deposits/assign', { assignments }));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      data: [
        { depositId: 'd1', assigned: true, code: null, detail: null },
        { depositId: 'd2', assigned: false, code: 'UNAVAILABLE', detail: expect.any(String) },
        { depositId: 'd3', assigned: false, code: 'ASSIGNMENT_REFUSED', detail: 'payout a is paid' },
        { depositId: 'd4', assigned: false, code: 'DEPOSIT_ASSIGNED', detail: 'elsewhere' },
      ],
    });
    const read = assignments.filter(({ depositId }) => depositId !== 'd2');
    expect(fakes.calls).toEqual([{ assignments: read, actor: 'ops' }]);
  });

  const TO_AVAILABLE = { depositId: 'd1', to: 'available' };
  it.each<[string, unknown[], string]>([
    ['none', [], 'assignments'],
    [
      'more than 10,000',
      Array.from({ length: 10_001 }, (_, n) => ({ ...TO_AVAILABLE, depositId: `d${n}` })),
      'assignments',
    ],
    ['one twice', [TO_AVAILABLE, TO_AVAILABLE], 'assignments.1.depositId'],
    ['one without a place', [{ depositId: 'd1' }], 'assignments.0.to'],
  ])('refuses %s', async (_name, assignments, field) => {
    const { app } = await openApi(createFakes());
    const answer = await app.inject(asOps('POST', '/v1/deposits/assign', { assignments }));
    expect(answer.json()).toMatchObject({ status: 400, errors: [{ field }] });
  });

  it('takes 10,000', async () => {
    const fakes = createFakes();
    fakes.store.deposits.assignDeposits = (assignments) => Promise.resolve(assignments.map(() => ASSIGNED));
    const { app } = await openApi(fakes);
    const to = [{ payoutId: 'p'.repeat(64), amount: '123456789.123456' }];
    const assignments = Array.from({ length: 10_000 }, (_, n) => ({
      depositId: `tx:${n}`.padEnd(70, 'a'),
      to,
    }));
    const answer = await app.inject(asOps('POST', '/v1/deposits/assign', { assignments }));
    expect(answer.statusCode).toBe(200);
  });
});

describe('POST /v1/deposits/{depositId}/assign', () => {
  const assign = (to: unknown, more: object = {}) =>
    asOps('POST', `/v1/deposits/${ID}/assign`, { to, ...more });
  const given = (...parts: [payoutId: string | null, amount: string][]): Partial<DepositRecord> => ({
    status: 'allocated',
    allocations: parts.map(([payoutId, amount]) => ({ payoutId, owner: null, amount, matchedBy: 'person' })),
  });

  /** Fakes whose store answers with `outcome`, and has the deposit `after` from then on. */
  function createAssignFakes(outcome: AssignOutcome, after: Partial<DepositRecord> = {}) {
    const fakes = createDepositFakes(depositOf());
    fakes.store.deposits.assignDeposits = (assignments, actor) => {
      fakes.calls.push({ assignments, actor });
      fakes.keptDeposits.set(ID, depositOf(after));
      return Promise.resolve([outcome]);
    };
    return fakes;
  }

  it('gives all of it to the available balance, as the actor that the key names', async () => {
    const fakes = createAssignFakes(ASSIGNED, given([null, '100.5']));
    const { app } = await openApi(fakes);
    const answer = await app.inject(assign('available'));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      depositId: ID,
      status: 'allocated',
      allocations: [{ payoutId: null, amount: '100.500000', matchedBy: 'person' }],
    });
    expect(fakes.calls).toEqual([{ assignments: [{ depositId: ID, to: 'available' }], actor: 'ops' }]);
  });

  it('gives it to payouts in parts, and answers with what became of them', async () => {
    const fakes = createAssignFakes(ASSIGNED, given(['a', '60.5'], ['b', '30'], [null, '10']));
    const { app } = await openApi(fakes);
    const to = [
      { payoutId: 'a', amount: '60.5' },
      { payoutId: 'b', amount: '40.00' },
    ];
    const answer = await app.inject(assign(to));
    expect(answer.statusCode).toBe(200);
    expect(answer.json<{ allocations: object[] }>().allocations).toHaveLength(3);
    expect(fakes.calls).toEqual([{ assignments: [{ depositId: ID, to }], actor: 'ops' }]);
  });

  it.each<[AssignOutcome, object]>([
    [
      { code: 'DEPOSIT_ASSIGNED', detail: 'elsewhere' },
      { status: 409, code: 'DEPOSIT_ASSIGNED' },
    ],
    [
      { code: 'ASSIGNMENT_REFUSED', detail: 'The payout a has ended.' },
      { status: 422, code: 'ASSIGNMENT_REFUSED', detail: 'The payout a has ended.' },
    ],
  ])('answers %j as a problem', async (outcome, problem) => {
    const { app } = await openApi(createAssignFakes(outcome));
    expect((await app.inject(assign('available'))).json()).toMatchObject(problem);
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
