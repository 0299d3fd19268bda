import { FAILURES } from '../../../src/domain/failure-type.js';
import { PAYOUT_STATUSES, isFinalStatus } from '../../../src/domain/payout-status.js';
import type { DecisionOutcome } from '../../../src/temporal/payout-gateway.js';
import { asShop, closeApis, createFakes, entryOf, openApi, recordOf } from './api-fixture.js';
import type { PayoutRecord } from '../../../src/store/payouts/payout-reading.js';
import { UnknownCursorError } from '../../../src/store/paging.js';
import type { DeclarationOutcome } from '../../../src/store/deposits/declarations.js';

afterEach(closeApis);

const ID = 'inv-2026-0001';

describe('GET /v1/payouts/{payoutId}', () => {
  it('shows the payout, its order, its hold, its timeline and its postings', async () => {
    const record = recordOf({
      status: 'held',
      holdReason: 'UNKNOWN_OUTCOME',
      flags: ['EXCESS_DEPOSIT'],
      order: {
        externalOrderId: ID,
        providerOrderId: 'or_1',
        symbol: 'USDT/CNY',
        amount: '720.100000',
        price: '6.97',
        quoteAmount: '5019.09',
        fee: '0.00',
        status: 'filled',
      },
      providerPayout: {
        externalOrderId: ID,
        providerPayoutId: 'po_1',
        currency: 'CNY',
        postAmount: '5000.00',
        recipientAmount: '5000.00',
        fee: '25.00',
        status: 'pending',
        returnPending: '0',
      },
    });
    const fakes = createFakes(record);
    fakes.store.ledger.readPostingsOf = (payoutId) =>
      Promise.resolve([
        entryOf({ payoutId }),
        entryOf({
          entryId: '9',
          cause: 'release',
          at: new Date('2026-01-01T05:00:00Z'),
          postings: [
            { account: 'owed', payoutId: null, owner: 'shop-owner', currency: 'USDT', amount: '-12.05' },
          ],
        }),
      ]);
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', `/v1/payouts/${ID}`));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      payoutId: ID,
      owner: 'shop-owner',
      status: 'held',
      amount: '5000.00',
      currency: 'CNY',
      amountMode: 'receive',
      fundingCurrency: 'USDT',
      funding: 'deposit',
      description: 'Invoice 2026-0001',
      destinationType: 'bankAccount',
      destinationChanged: false,
      destinations: [
        {
          attempt: 1,
          type: 'bankAccount',
          accountEnding: '6222',
          since: '2026-01-01T03:04:05.678Z',
        },
      ],
      priceOffer: null,
      deposit: {
        currency: 'USDT',
        network: 'TRC20',
        address: '0x31C2',
        amount: '732.150013',
        received: '0.000000',
        matchedBy: 'amount',
        missing: '732.150013',
        expiresAt: '2026-01-02T03:04:05.678Z',
      },
      createdAt: '2026-01-01T03:04:05.678Z',
      updatedAt: '2026-01-01T03:04:06.000Z',
      providerPayoutId: 'po_1',
      order: {
        providerOrderId: 'or_1',
        symbol: 'USDT/CNY',
        amount: '720.100000',
        price: '6.97',
        quoteAmount: '5019.09',
        fee: '0.00',
        status: 'filled',
      },
      fee: '25.00',
      recipientAmount: '5000.00',
      returnPending: null,
      holdReason: 'UNKNOWN_OUTCOME',
      hold: {
        reason: 'UNKNOWN_OUTCOME',
        meaning: FAILURES.UNKNOWN_OUTCOME.meaning,
        action: FAILURES.UNKNOWN_OUTCOME.action,
        actions: ['resolve'],
      },
      failure: null,
      flags: ['EXCESS_DEPOSIT'],
      timeline: [{ status: 'opening', at: '1970-01-01T00:00:00.000Z', detail: 'requested' }],
      postings: [
        {
          entryId: '7',
          cause: 'allocation',
          at: '2026-01-01T04:00:00.000Z',
          account: 'unallocated',
          currency: 'USDT',
          amount: '732.150013',
        },
        {
          entryId: '7',
          cause: 'allocation',
          at: '2026-01-01T04:00:00.000Z',
          account: 'payout',
          currency: 'USDT',
          amount: '-732.150013',
        },
        {
          entryId: '9',
          cause: 'release',
          at: '2026-01-01T05:00:00.000Z',
          account: 'owed',
          currency: 'USDT',
          amount: '-12.050000',
        },
      ],
    });
  });

  it.each([
    ['0', '732.150013'],
    ['700', '32.150013'],
    ['732.150013', '0.000000'],
    ['740', '0.000000'],
  ])('says of a deposit of which %s came that %s is missing', async (received, missing) => {
    const record = recordOf();
    const deposit = record.deposit === null ? null : { ...record.deposit, received };
    const { app } = await openApi(createFakes({ ...record, deposit }));
    expect((await app.inject(asShop('GET', `/v1/payouts/${ID}`))).json()).toMatchObject({
      deposit: { missing },
    });
  });

  it.each<[string, Partial<PayoutRecord>, object]>([
    [
      'rejected',
      { status: 'rejected', deposit: null },
      { deposit: null, order: null, providerPayoutId: null },
    ],
    [
      'failed',
      { status: 'failed', failure: { type: 'PAYOUT_FAILED', message: 'reported as failed' } },
      { failure: { type: 'PAYOUT_FAILED', message: 'reported as failed' }, hold: null },
    ],
  ])('shows what a %s payout has and null for the rest', async (_name, changes, expected) => {
    const { app } = await openApi(createFakes(recordOf(changes)));
    expect((await app.inject(asShop('GET', `/v1/payouts/${ID}`))).json()).toMatchObject(expected);
  });

  it('shows a payout that is opening from its row', async () => {
    const opening = recordOf({ status: 'opening', holdReason: 'PROVIDER_UNAVAILABLE', deposit: null });
    const { app } = await openApi(createFakes(opening));
    const answer = await app.inject(asShop('GET', `/v1/payouts/${ID}`));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      payoutId: ID,
      status: 'opening',
      fundingCurrency: 'USDT',
      deposit: null,
      hold: { reason: 'PROVIDER_UNAVAILABLE', actions: [] },
      timeline: [{ status: 'opening', detail: 'requested' }],
    });
  });

  it('answers 404 for an unknown id and 400 for an impossible one', async () => {
    const { app } = await openApi(createFakes());
    const unknown = await app.inject(asShop('GET', '/v1/payouts/nobody'));
    expect(unknown.json()).toMatchObject({
      status: 404,
      code: 'PAYOUT_NOT_FOUND',
      instance: '/v1/payouts/nobody',
    });
    for (const impossible of ['a%20b', 'x'.repeat(65), 'x'.repeat(500)]) {
      const answer = await app.inject(asShop('GET', `/v1/payouts/${impossible}`));
      expect(answer.json()).toMatchObject({ status: 400, errors: [{ field: 'payoutId' }] });
    }
  });
});

describe('GET /v1/payouts', () => {
  it('answers a list, newest first, ten by default', async () => {
    const fakes = createFakes(recordOf({ payoutId: 'b' }), recordOf({ payoutId: 'a' }));
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', '/v1/payouts'));
    expect(answer.json()).toMatchObject({
      object: 'list',
      data: [{ payoutId: 'b' }, { payoutId: 'a' }],
      hasMore: false,
    });
    expect(answer.json<{ data: object[] }>().data[0]).not.toHaveProperty('timeline');
    expect(answer.json<{ data: object[] }>().data[0]).not.toHaveProperty('postings');
    expect(fakes.calls).toEqual([{ limit: 10 }]);
  });

  it('passes limit, cursor and filter on', async () => {
    const fakes = createFakes();
    const { app } = await openApi(fakes);
    await app.inject(asShop('GET', '/v1/payouts?limit=100&starting_after=a&status=held&owner=shop-owner'));
    await app.inject(asShop('GET', '/v1/payouts?limit=1&ending_before=b'));
    expect(fakes.calls).toEqual([
      { limit: 100, startingAfter: 'a', status: 'held', owner: 'shop-owner' },
      { limit: 1, endingBefore: 'b' },
    ]);
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=1e1', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['status=lost', 'status'],
    ['owner=a%20b', 'owner'],
    ['starting_after=%2F', 'starting_after'],
    ['starting_after=a&ending_before=b', 'ending_before'],
    ['state=paid', 'state'],
  ])('refuses ?%s, naming %s', async (query, field) => {
    const fakes = createFakes();
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', `/v1/payouts?${query}`));
    expect(answer.json()).toMatchObject({ status: 400, errors: [{ field }], instance: '/v1/payouts' });
    expect(fakes.calls).toEqual([]);
  });

  it('refuses a cursor that names no payout', async () => {
    const fakes = createFakes();
    fakes.store.payouts.listPayouts = () => Promise.reject(new UnknownCursorError('starting_after'));
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', '/v1/payouts?starting_after=gone'));
    expect(answer.json()).toMatchObject({
      status: 400,
      errors: [{ field: 'starting_after', message: 'names no payout' }],
    });
  });
});

describe('POST /v1/payouts/{payoutId}/cancel', () => {
  const cancel = asShop('POST', `/v1/payouts/${ID}/cancel`);

  /** Fakes whose gateway answers with `outcome`, and whose store has `after` from then on. */
  function createCancelFakes(
    before: PayoutRecord | undefined,
    outcome: DecisionOutcome,
    after?: PayoutRecord,
  ) {
    const fakes = createFakes(...(before === undefined ? [] : [before]));
    fakes.payouts.cancel = ({ payoutId }, actor, reason) => {
      fakes.calls.push({ payoutId, actor, reason });
      if (after !== undefined) fakes.kept.set(payoutId, after);
      return Promise.resolve(outcome);
    };
    return fakes;
  }

  it('cancels, as the actor that the key names', async () => {
    const fakes = createCancelFakes(recordOf(), { kind: 'done' }, recordOf({ status: 'cancelled' }));
    const { app } = await openApi(fakes);
    const answer = await app.inject(cancel);
    expect([answer.statusCode, answer.json<{ status: string }>().status]).toEqual([200, 'cancelled']);
    expect(fakes.calls).toEqual([{ payoutId: ID, actor: 'shop' }]);
  });

  it.each<[object, string | undefined]>([
    [{ reason: ' the supplier is gone ' }, 'the supplier is gone'],
    [{}, undefined],
  ])('takes a reason: %j', async (body, reason) => {
    const fakes = createCancelFakes(recordOf(), { kind: 'done' }, recordOf({ status: 'cancelled' }));
    const { app } = await openApi(fakes);
    expect((await app.inject(asShop('POST', `/v1/payouts/${ID}/cancel`, body))).statusCode).toBe(200);
    expect(fakes.calls).toEqual([{ payoutId: ID, actor: 'shop', reason }]);
  });

  it('refuses a body that is no reason', async () => {
    const { app } = await openApi(createFakes(recordOf()));
    for (const [body, field] of [
      [{ reason: ' ' }, 'reason'],
      [{ why: 'so' }, 'why'],
    ] as const) {
      const answer = await app.inject(asShop('POST', `/v1/payouts/${ID}/cancel`, body));
      expect(answer.json()).toMatchObject({ status: 400, errors: [{ field }] });
    }
  });

  it('answers 200 for a payout that is cancelled already, and does nothing', async () => {
    const { app } = await openApi(createFakes(recordOf({ status: 'cancelled' })));
    expect((await app.inject(cancel)).json()).toMatchObject({ status: 'cancelled', payoutId: ID });
  });

  it.each(PAYOUT_STATUSES.filter((status) => isFinalStatus(status) && status !== 'cancelled'))(
    'answers 409 for a payout that is %s, and does nothing',
    async (status) => {
      const { app } = await openApi(createFakes(recordOf({ status })));
      const answer = await app.inject(cancel);
      expect(answer.json()).toMatchObject({ status: 409, code: 'PAYOUT_ENDED' });
      expect(answer.json<{ detail: string }>().detail).toContain(status);
    },
  );

  it('answers 503 when QbitPay has to be read first and does not answer', async () => {
    const outcome = { kind: 'unreadable', message: 'QbitPay does not answer.' } as const;
    const { app } = await openApi(createCancelFakes(recordOf({ status: 'held' }), outcome));
    const answer = await app.inject(cancel);
    expect(answer.headers['retry-after']).toBe('10');
    expect(answer.json()).toMatchObject({
      status: 503,
      code: 'UNAVAILABLE',
      detail: 'QbitPay does not answer. Nothing was changed: try again later.',
    });
  });

  it('answers 409 with the reason when the workflow refuses', async () => {
    const outcome = { kind: 'refused', message: 'The payout is being sent.' } as const;
    const { app } = await openApi(createCancelFakes(recordOf({ status: 'paying' }), outcome));
    expect((await app.inject(cancel)).json()).toMatchObject({
      status: 409,
      code: 'CANCEL_REFUSED',
      detail: 'The payout is being sent.',
    });
  });

  it.each<[string, PayoutRecord | undefined, PayoutRecord | undefined, object]>([
    ['it was cancelled', recordOf(), recordOf({ status: 'cancelled' }), { status: 'cancelled' }],
    ['it was paid', recordOf(), recordOf({ status: 'paid' }), { status: 409, code: 'PAYOUT_ENDED' }],
    ['it stands still', recordOf({ status: 'held' }), undefined, { status: 409, code: 'CANCEL_REFUSED' }],
    ['nobody knows it', undefined, undefined, { status: 404, code: 'PAYOUT_NOT_FOUND' }],
  ])('reads the store again when no workflow runs: %s', async (_name, before, after, expected) => {
    const { app } = await openApi(createCancelFakes(before, { kind: 'notRunning' }, after));
    expect((await app.inject(cancel)).json()).toMatchObject(expected);
  });

  it('takes a JSON header without a body', async () => {
    const { app } = await openApi(createFakes(recordOf({ status: 'cancelled' })));
    const headers = { ...cancel.headers, 'content-type': 'application/json' };
    expect((await app.inject({ ...cancel, headers, payload: '' })).statusCode).toBe(200);
  });
});

describe('POST /v1/payouts/{payoutId}/deposit', () => {
  const HASH = `0x${'AB'.repeat(32)}`;
  const declare = (body: object) => asShop('POST', `/v1/payouts/${ID}/deposit`, body);

  it('declares the transaction in one spelling and answers with the payout', async () => {
    const fakes = createFakes(recordOf());
    const { app } = await openApi(fakes);
    const answer = await app.inject(declare({ txHash: HASH }));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ payoutId: ID, status: 'awaiting_deposit' });
    expect(fakes.calls).toEqual([{ payoutId: ID, txHash: 'ab'.repeat(32), actor: 'shop' }]);
  });

  it.each<[DeclarationOutcome, number]>([
    ['TRANSACTION_DECLARED_ELSEWHERE', 409],
    ['PAYOUT_ENDED', 409],
    ['NO_DEPOSIT_EXPECTED', 409],
    ['PAYOUT_NOT_FOUND', 404],
  ])('%s is answered with %d', async (code, status) => {
    const fakes = createFakes(recordOf());
    fakes.store.deposits.declareTransaction = () => Promise.resolve(code);
    const { app } = await openApi(fakes);
    expect((await app.inject(declare({ txHash: HASH }))).json()).toMatchObject({ status, code });
  });

  it.each<[string, Partial<PayoutRecord>]>([
    ['opening', { status: 'opening' }],
    ['held before it was open', { status: 'held', holdReason: 'HELD_BY_OPERATOR', heldFrom: 'opening' }],
  ])('has to wait while the payout is %s', async (_name, changes) => {
    const fakes = createFakes(recordOf({ ...changes, deposit: null }));
    const { app } = await openApi(fakes);
    const answer = await app.inject(declare({ txHash: HASH }));
    expect(answer.json()).toMatchObject({ status: 409, code: 'PAYOUT_OPENING' });
    expect(answer.headers['retry-after']).toBe('1');
    expect(fakes.calls).toEqual([]);
  });

  it.each<[unknown, string]>([
    [{}, 'txHash'],
    [{ txHash: 'short' }, 'txHash'],
    [{ txHash: `${HASH} ` }, 'txHash'],
    [{ txHash: 1 }, 'txHash'],
    [{ txHash: HASH, amount: '1' }, 'amount'],
    [undefined, ''],
  ])('refuses %j, naming the field', async (body, field) => {
    const fakes = createFakes(recordOf());
    const { app } = await openApi(fakes);
    const answer = await app.inject(declare(body as object));
    expect(answer.json()).toMatchObject({ status: 400, code: 'VALIDATION_FAILED', errors: [{ field }] });
    expect(fakes.calls).toEqual([]);
  });
});
