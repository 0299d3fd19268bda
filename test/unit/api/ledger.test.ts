import { asShop, closeApis, createFakes, entryOf, openApi } from './api-fixture.js';
import type { CurrencyBalance } from '../../../src/store/ledger/ledger-reading.js';
import { UnknownCursorError } from '../../../src/store/paging.js';

afterEach(closeApis);

describe('GET /v1/ledger', () => {
  it('answers entries with their postings', async () => {
    const fakes = createFakes();
    fakes.store.ledger.listLedgerEntries = () =>
      Promise.resolve({
        items: [entryOf({ actor: 'ops' }), entryOf({ entryId: '6', payoutId: null, depositId: null })],
        hasMore: true,
      });
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', '/v1/ledger'));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      object: 'list',
      data: [
        {
          entryId: '7',
          cause: 'allocation',
          causeId: 'dep_1',
          fundingAccount: 'main',
          payoutId: 'inv-2026-0001',
          depositId: 'dep_1',
          actor: 'ops',
          details: { expected: '732.150013' },
          at: '2026-01-01T04:00:00.000Z',
          postings: [
            { account: 'unallocated', payoutId: null, owner: null, currency: 'USDT', amount: '732.150013' },
            {
              account: 'payout',
              payoutId: 'inv-2026-0001',
              owner: null,
              currency: 'USDT',
              amount: '-732.150013',
            },
          ],
        },
        expect.objectContaining({ entryId: '6', payoutId: null, depositId: null, actor: null }),
      ],
      hasMore: true,
    });
  });

  it('shows amounts with the decimals of their currency', async () => {
    const fakes = createFakes();
    const postings = [
      { account: 'provider', payoutId: null, owner: null, currency: 'CNY', amount: '-5' } as const,
    ];
    fakes.store.ledger.listLedgerEntries = () =>
      Promise.resolve({ items: [entryOf({ postings })], hasMore: false });
    const { app } = await openApi(fakes);
    expect((await app.inject(asShop('GET', '/v1/ledger'))).json()).toMatchObject({
      data: [{ postings: [{ amount: '-5.00' }] }],
    });
  });

  it('passes page and filters on, ten entries by default', async () => {
    const fakes = createFakes();
    const { app } = await openApi(fakes);
    await app.inject(asShop('GET', '/v1/ledger'));
    await app.inject(asShop('GET', '/v1/ledger?limit=100&starting_after=42&payoutId=a&currency=USDT'));
    await app.inject(
      asShop(
        'GET',
        '/v1/ledger?ending_before=42&depositId=tx:ab&from=2026-01-01T00:00:00%2B01:00&to=2026-01-01T00:00:00Z',
      ),
    );
    expect(fakes.calls).toEqual([
      { limit: 10 },
      { limit: 100, startingAfter: '42', payoutId: 'a', currency: 'USDT' },
      {
        limit: 10,
        endingBefore: '42',
        depositId: 'tx:ab',
        from: new Date('2025-12-31T23:00:00Z'),
        to: new Date('2026-01-01T00:00:00Z'),
      },
    ]);
  });

  it.each([
    ['limit=0', 'limit'],
    ['starting_after=dep_1', 'starting_after'],
    ['starting_after=0', 'starting_after'],
    ['ending_before=1234567890123456789', 'ending_before'],
    ['payoutId=..', 'payoutId'],
    ['depositId=a%20b', 'depositId'],
    ['currency=usdt', 'currency'],
    ['from=2026-01-01T00:00:00', 'from'],
    ['from=2026-01-01T00:00:00+01:00', 'from'],
    ['to=2026-02-30T00:00:00Z', 'to'],
    ['from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00%2B01:00', 'from'],
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'from'],
    ['cause=deposit', 'cause'],
  ])('refuses ?%s, naming %s', async (query, field) => {
    const fakes = createFakes();
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', `/v1/ledger?${query}`));
    expect(answer.json()).toMatchObject({ status: 400, errors: [{ field }], instance: '/v1/ledger' });
    expect(fakes.calls).toEqual([]);
  });

  it('refuses a cursor that names no entry', async () => {
    const fakes = createFakes();
    fakes.store.ledger.listLedgerEntries = () => Promise.reject(new UnknownCursorError('starting_after'));
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', '/v1/ledger?starting_after=99'));
    expect(answer.json()).toMatchObject({
      status: 400,
      errors: [{ field: 'starting_after', message: 'names no entry' }],
    });
  });

  it('leaves a failure of the store a failure', async () => {
    const fakes = createFakes();
    fakes.store.ledger.listLedgerEntries = () => Promise.reject(new Error('broken'));
    const { app } = await openApi(fakes);
    expect((await app.inject(asShop('GET', '/v1/ledger'))).json()).toMatchObject({ status: 500 });
  });
});

describe('GET /v1/balances', () => {
  const BALANCE: CurrencyBalance = {
    fundingAccount: 'main',
    currency: 'USDT',
    available: '1',
    reserved: '2',
    inPayouts: '3',
    owed: '-0.5',
    owedTo: [
      { owner: 'a', amount: '-2' },
      { owner: 'b', amount: '1.5' },
    ],
    unallocated: '4',
    returnPending: '5',
    missing: '0',
    external: '-6',
    rounding: '0.0000007',
    shortfall: '-8',
    provider: '9',
    reading: { available: '10', pending: '11', readAt: new Date('2026-01-01T00:00:00Z') },
  };

  it('shows whose the money is, what the ledger says of the provider, and what it said itself', async () => {
    const fakes = createFakes();
    const unread: CurrencyBalance = { ...BALANCE, currency: 'CNY', rounding: '0', reading: null };
    fakes.store.ledger.readBalances = () => Promise.resolve([BALANCE, unread]);
    const { app } = await openApi(fakes);
    const answer = await app.inject(asShop('GET', '/v1/balances'));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      object: 'list',
      data: [
        {
          fundingAccount: 'main',
          currency: 'USDT',
          available: '1.000000',
          reserved: '2.000000',
          inPayouts: '3.000000',
          owed: '-0.500000',
          owedTo: [
            { owner: 'a', amount: '-2.000000' },
            { owner: 'b', amount: '1.500000' },
          ],
          unallocated: '4.000000',
          returnPending: '5.000000',
          missing: '0.000000',
          external: '-6.000000',
          rounding: '0.0000007',
          shortfall: '-8.000000',
          ledger: '9.000000',
          provider: { available: '10.000000', pending: '11.000000', readAt: '2026-01-01T00:00:00.000Z' },
        },
        expect.objectContaining({ currency: 'CNY', available: '1.00', ledger: '9.00', provider: null }),
      ],
      hasMore: false,
    });
  });
});
