import { randomBytes, randomUUID } from 'node:crypto';
import { depositKeyOfTransaction } from '../../src/domain/identifiers.js';
import { addAmounts, atCurrencyScale, subtractAmounts } from '../../src/domain/money.js';
import { balanceIn, causesOf, leaveUnallocated } from '../support/balances.js';
import {
  expectMoneyInOrder,
  noticeOf,
  untilAllocated,
  untilSynced,
  untilUnallocated,
  untilUnverified,
} from '../support/deposits.js';
import type { Answer, Json } from '../support/engine-client.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { untilAnswer } from '../support/until-answer.js';

let engine: TestEngine;
beforeAll(async () => {
  engine = await startTestEngine({ env: { DEPOSIT_NOTICE_PATIENCE_SECONDS: '1' } });
});
afterAll(async () => {
  await expectMoneyInOrder(engine);
  await engine.stop();
});

const newHash = (): string => randomBytes(32).toString('hex');
/** Nobody expects it, and no other deposit has it. */
let lastOdd = 0;
const oddAmount = (): string => `${((lastOdd += 1) + 10).toString()}.125`;

const receive = (fields: Json): Promise<Json> =>
  engine.control('POST', '/deposits', { currency: 'USDT', ...fields });
const record = (txHash: string, amount: string, currency = 'USDT'): Promise<Answer> =>
  engine.api('POST', '/v1/deposits', { txHash, currency, amount });
const assign = (depositId: string, to: Json): Promise<Answer> =>
  engine.api('POST', `/v1/deposits/${depositId}/assign`, { to });
const declare = (payout: Json, txHash: string): Promise<Answer> =>
  engine.api('POST', `/v1/payouts/${payout.payoutId}/deposit`, { txHash });
const readPayout = async ({ payoutId }: Json): Promise<Json> =>
  (await engine.api('GET', `/v1/payouts/${payoutId}`)).body;
const readDeposit = (depositId: string): Promise<Answer> => engine.api('GET', `/v1/deposits/${depositId}`);
const listDeposits = async (query = ''): Promise<Json> =>
  (await engine.api('GET', `/v1/deposits?limit=100${query}`)).body;
const depositsOf = async (txHash: string): Promise<Json[]> =>
  (await listDeposits()).data.filter((deposit: Json) => deposit.txHash === txHash);
const entriesAbout = async (depositId: string): Promise<Json[]> => {
  const { body } = await engine.api('GET', `/v1/ledger?depositId=${depositId}`);
  return body.data.toReversed();
};
const forgeNotice = (data: Json): Promise<Json> =>
  engine.control('POST', '/events/forge', { type: 'deposit.confirmed', data, signature: 'valid' });
const untilDecided = (depositId: string, wanted: string): Promise<Answer> =>
  untilAnswer(
    () => readDeposit(depositId),
    ({ status, body }) => status === 200 && body.status === wanted,
    `deposit ${depositId} ${wanted}`,
  );

/** The deposit has learnt which transaction brought it. */
const untilKnown = (txHash: string, depositId: string): Promise<Json[]> =>
  untilAnswer(
    () => depositsOf(txHash),
    (deposits) => deposits.some((deposit) => deposit.depositId === depositId),
    `transaction of ${depositId} known`,
  );

describe('recording a deposit by hand', () => {
  /** One deposit, one entry for it and one for its owner. */
  const expectOneDeposit = async (txHash: string, providerDepositId: string, payout: Json): Promise<void> => {
    const deposits = await depositsOf(txHash);
    expect(deposits).toMatchObject([
      {
        providerDepositId,
        txHash,
        status: 'allocated',
        allocations: [{ payoutId: payout.payoutId, amount: payout.deposit.amount, matchedBy: 'exactAmount' }],
      },
    ]);
    expect(causesOf(await entriesAbout(deposits[0].depositId))).toEqual(['deposit', 'allocation']);
    const paid = await engine.untilStatus(payout.payoutId, 'paid');
    expect(paid).toMatchObject({ deposit: { received: payout.deposit.amount }, flags: [] });
  };

  test('one whose notice was lost is verified at the provider, then allocated; with its notice, and recorded again, it is the same', async () => {
    const payout = await engine.open();
    const txHash = newHash();
    const made = await receive({ amount: payout.deposit.amount, txHash, notify: false });
    const recorded = await record(`0x${txHash.toUpperCase()}`, payout.deposit.amount);
    expect(recorded).toMatchObject({
      status: 202,
      body: { noticeId: depositKeyOfTransaction(txHash), txHash, reason: null },
    });
    await untilKnown(txHash, made.id);
    await forgeNotice(made);
    await untilSynced(engine);
    await expectOneDeposit(txHash, made.id, payout);
    expect(await noticeOf(engine, recorded.body.noticeId)).toBeUndefined();
    expect(await record(txHash, payout.deposit.amount)).toMatchObject({
      status: 200,
      body: { depositId: made.id, status: 'allocated' },
    });
    // What has its owner is nobody's to give away.
    const { payoutId } = await engine.open();
    const to = [{ payoutId, amount: payout.deposit.amount }];
    for (const other of [to, 'available']) {
      expect(await assign(made.id, other)).toMatchObject({ status: 409, body: { code: 'DEPOSIT_ASSIGNED' } });
    }
  });

  test('by hand and by notice at once: one deposit', async () => {
    const payout = await engine.open();
    const txHash = newHash();
    const [{ id }, ...answers] = await Promise.all([
      receive({ amount: payout.deposit.amount, txHash }),
      record(txHash, payout.deposit.amount),
      record(txHash, payout.deposit.amount),
    ]);
    for (const { status } of answers) expect([200, 202]).toContain(status);
    await engine.untilStatus(payout.payoutId, 'paid');
    await untilKnown(txHash, id);
    await expectOneDeposit(txHash, id, payout);
  });

  test('one that the provider does not show stays unverified, and nothing is booked', async () => {
    const payout = await engine.open();
    const txHash = newHash();
    const { body } = await record(txHash, payout.deposit.amount);
    await untilUnverified(engine, body.noticeId);
    expect(await record(txHash, payout.deposit.amount)).toMatchObject({
      status: 202,
      body: { noticeId: body.noticeId, reason: 'DEPOSIT_UNVERIFIED' },
    });
    expect(await readDeposit(body.noticeId)).toMatchObject({ status: 404 });
    expect(await assign(body.noticeId, 'available')).toMatchObject({ status: 404 });
    expect(await depositsOf(txHash)).toEqual([]);
    expect(await entriesAbout(body.noticeId)).toEqual([]);
    expect(await readPayout(payout)).toMatchObject({
      status: 'awaiting_deposit',
      deposit: { received: '0.000000' },
    });
  });
});

describe('a transaction that is declared after its deposit was unallocated', () => {
  test('gives both deposits that it brought', async () => {
    const payout = await engine.open();
    const txHash = newHash();
    const rest = subtractAmounts(payout.deposit.amount, '300');
    const made = [await receive({ amount: '300', txHash }), await receive({ amount: rest, txHash })];
    for (const { id } of made) await untilUnallocated(engine, id, 'UNMATCHED_DEPOSIT');
    for (const { id } of made) await untilKnown(txHash, id);
    expect(await depositsOf(txHash)).toHaveLength(2);
    await declare(payout, txHash);
    for (const { id } of made) await untilAllocated(engine, id);
    const paid = await engine.untilStatus(payout.payoutId, 'paid');
    expect(paid.deposit).toMatchObject({ received: payout.deposit.amount, missing: '0.000000' });
    expect((await readDeposit(made[0]?.id)).body.allocations).toMatchObject([
      { payoutId: payout.payoutId, amount: '300.000000', matchedBy: 'declaredTransaction' },
    ]);
  });

  test('and while it is being decided: it is never left unallocated', async () => {
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const payout = await engine.open();
        const txHash = newHash();
        const { id } = await receive({ amount: '700', txHash });
        await declareWhenBooked(payout, txHash, id);
        await untilAllocated(engine, id);
        expect(await readPayout(payout)).toMatchObject({ deposit: { received: '700.000000' } });
      }),
    );
  });

  async function declareWhenBooked(payout: Json, txHash: string, depositId: string): Promise<void> {
    while ((await readDeposit(depositId)).status === 404);
    expect(await declare(payout, txHash)).toMatchObject({ status: 200 });
  }
});

describe('a deposit that a sync found, whose transaction it does not know', () => {
  const findBySync = async (payout: Json, txHash: string): Promise<string> => {
    expect((await declare(payout, txHash)).status).toBe(200);
    const { id } = await receive({ amount: oddAmount(), txHash, notify: false });
    await untilDecided(id, 'unallocated');
    return id;
  };

  test('is matched when it is recorded by hand, once', async () => {
    const [payout, txHash] = [await engine.open(), newHash()];
    const id = await findBySync(payout, txHash);
    const { amount } = (await readDeposit(id)).body;
    expect((await record(txHash, amount)).status).toBe(202);
    await untilDecided(id, 'allocated');
    expect(await depositsOf(txHash)).toMatchObject([{ depositId: id, txHash }]);
    expect((await readPayout(payout)).deposit.received).toBe(amount);
  });
});

describe('assigning a unallocated deposit', () => {
  const at = (amount: string): string => atCurrencyScale(amount, 'USDT');
  /** Nothing of the deposit moved. */
  const expectRefused = async (depositId: string, to: Json, detail: RegExp): Promise<void> => {
    expect(await assign(depositId, to)).toMatchObject({
      status: 422,
      body: { code: 'ASSIGNMENT_REFUSED', detail: expect.stringMatching(detail) },
    });
    expect(await readDeposit(depositId)).toMatchObject({
      body: { status: 'unallocated', unallocatedReason: 'UNMATCHED_DEPOSIT', allocations: [] },
    });
    expect(causesOf(await entriesAbout(depositId))).toEqual(['deposit']);
  };

  test('to two payouts, one of them whole; what it gets beyond its need is owed to the owner, and it is marked', async () => {
    const [whole, partly] = [await engine.open(), await engine.open()];
    const part = { payoutId: partly.payoutId, amount: oddAmount() };
    const missing = subtractAmounts(partly.deposit.amount, part.amount);
    const amount = addAmounts(whole.deposit.amount, part.amount);
    const first = await leaveUnallocated(engine, 'USDT', amount);
    const to = [{ payoutId: whole.payoutId, amount: whole.deposit.amount }, part];
    const allocations = to
      .map((one) => ({ ...one, amount: at(one.amount), matchedBy: 'person' }))
      .toSorted((a, b) => (a.payoutId < b.payoutId ? -1 : 1));
    expect(await assign(first, to)).toMatchObject({
      status: 200,
      body: { depositId: first, status: 'allocated', unallocatedReason: 'UNMATCHED_DEPOSIT', allocations },
    });
    // Said again, it is what was done.
    expect(await assign(first, to)).toMatchObject({ status: 200 });
    expect(await assign(first, 'available')).toMatchObject({ status: 409 });
    expect((await engine.untilStatus(whole.payoutId, 'paid')).flags).toEqual([]);
    const shown = await readPayout(partly);
    expect(shown).toMatchObject({
      status: 'awaiting_deposit',
      deposit: { received: at(part.amount), missing: at(missing) },
    });
    expect(shown.timeline.at(-1).detail).toMatch(/ assigned by local; .* missing$/);
    expect((await entriesAbout(first)).at(-1)).toMatchObject({ cause: 'allocation', actor: 'local' });

    const more = addAmounts(missing, '9.875');
    const second = await leaveUnallocated(engine, 'USDT', more);
    expect(await assign(second, [{ payoutId: partly.payoutId, amount: more }])).toMatchObject({
      status: 200,
      body: {
        allocations: [
          { payoutId: partly.payoutId, amount: at(missing) },
          { payoutId: null, owner: 'default', amount: '9.875000' },
        ],
      },
    });
    const paid = await engine.untilStatus(partly.payoutId, 'paid');
    expect(paid).toMatchObject({ deposit: { received: partly.deposit.amount }, flags: ['EXCESS_DEPOSIT'] });
  });

  test('to the available balance', async () => {
    const amount = oddAmount();
    const depositId = await leaveUnallocated(engine, 'USDT', amount);
    const before = await balanceIn(engine, 'USDT');
    expect(await assign(depositId, 'available')).toMatchObject({
      status: 200,
      body: { allocations: [{ payoutId: null, owner: null, amount: at(amount), matchedBy: 'person' }] },
    });
    await untilAllocated(engine, depositId);
    const after = await balanceIn(engine, 'USDT');
    expect(at(subtractAmounts(after.available, before.available))).toBe(at(amount));
    expect(at(subtractAmounts(before.unallocated, after.unallocated))).toBe(at(amount));
  });

  test('payouts that cannot take it are refused, with all the others that are named', async () => {
    const [able, ended] = [await engine.open(), await engine.open()];
    await engine.api('POST', `/v1/payouts/${ended.payoutId}/cancel`);
    const unknown = { payoutId: `p-${randomUUID()}` };
    const depositId = await leaveUnallocated(engine, 'USDT', '60.5');
    for (const [{ payoutId }, reason] of [
      [ended, /is cancelled/],
      [unknown, /does not exist/],
    ] as [Json, RegExp][]) {
      await expectRefused(depositId, [{ payoutId, amount: '60.5' }], reason);
      const shared = [
        { payoutId: able.payoutId, amount: '60' },
        { payoutId, amount: '0.5' },
      ];
      await expectRefused(depositId, shared, reason);
    }
    const otherMoney = await leaveUnallocated(engine, 'USDC', '60.5');
    await expectRefused(otherMoney, [{ payoutId: able.payoutId, amount: '60.5' }], /is funded in USDT/);
    expect(await readPayout(able)).toMatchObject({ deposit: { received: '0.000000' } });
    expect(await assign(`d-${randomUUID()}`, 'available')).toMatchObject({
      status: 404,
      body: { code: 'DEPOSIT_NOT_FOUND' },
    });
  });
});

describe('the list of deposits', () => {
  const idsOf = ({ data }: Json): string[] => data.map(({ depositId }: Json) => depositId);

  test('by status, newest first, and in pages, in both directions', async () => {
    const [oldest, middle, newest] = [
      await leaveUnallocated(engine, 'USDT', '80.5'),
      await leaveUnallocated(engine, 'USDT', '81.5'),
      await leaveUnallocated(engine, 'USDT', '82.5'),
    ];
    const allocated = await leaveUnallocated(engine, 'USDT', '83.5');
    await assign(allocated, 'available');
    const waiting = await listDeposits('&status=unallocated');
    expect(idsOf(waiting).slice(0, 3)).toEqual([newest, middle, oldest]);
    expect(new Set(waiting.data.map(({ status }: Json) => status))).toEqual(new Set(['unallocated']));
    expect(idsOf(await listDeposits('&status=allocated'))[0]).toBe(allocated);
    expect(idsOf(await listDeposits()).slice(0, 2)).toEqual([allocated, newest]);

    const page = async (query: string): Promise<Json> =>
      (await engine.api('GET', `/v1/deposits?${query}`)).body;
    const first = await page('limit=2&status=unallocated');
    expect({ ids: idsOf(first), hasMore: first.hasMore }).toEqual({ ids: [newest, middle], hasMore: true });
    expect(idsOf(await page(`limit=1&starting_after=${middle}`))).toEqual([oldest]);
    const before = await page(`limit=5&status=unallocated&ending_before=${oldest}`);
    expect({ ids: idsOf(before), hasMore: before.hasMore }).toEqual({
      ids: [newest, middle],
      hasMore: false,
    });
  });

  test.each([
    'status=lost',
    'starting_after=d-unknown',
    'starting_after=a&ending_before=b',
    'limit=0',
    'txHash=a',
  ])('%s is refused', async (query) => {
    expect(await engine.api('GET', `/v1/deposits?${query}`)).toMatchObject({ status: 400 });
  });
});
