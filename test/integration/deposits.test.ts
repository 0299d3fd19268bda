import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { auditLedger } from '../support/ledger-audit.js';
import {
  assign,
  deposit,
  openPayout,
  openTestStore,
  READER_RULES,
  readerOf,
  showDeposit,
  type TestStore,
} from '../support/test-store.js';

/** What becomes of deposits in the store, whoever tells of them in whatever order. */

let testStore: TestStore;
beforeAll(async () => {
  testStore = await openTestStore();
});
afterAll(async () => {
  expect(await auditLedger(testStore.sql)).toEqual([]);
  await testStore.close();
});

let lastName = 0;
const newName = (what: string): string => `${what}-${(lastName += 1)}`;
/** Nobody expects it, and no other deposit has it. */
const oddAmount = (): string => `${(lastName += 1) + 10}.125`;

const find = (depositId: string) => testStore.store.deposits.findDeposit(depositId);
const show = (depositId: string, amount: string, currency = 'USDT'): Promise<void> =>
  showDeposit(testStore.store, { depositId, currency, amount });
const settle = async (): Promise<void> => (await readerOf(testStore.store)).settleDeposits();
const note = (notice: { providerDepositId?: string; txHash?: string; amount: string }) =>
  testStore.store.deposits.noteDeposit({
    providerDepositId: null,
    txHash: null,
    address: null,
    currency: 'USDT',
    ...notice,
  });
const openNotices = async (): Promise<string[]> =>
  (await testStore.store.deposits.listOpenNotices({ limit: 100 })).items.map(({ noticeId }) => noticeId);
const hintsOf = async (payoutId: string): Promise<string[]> =>
  (await testStore.store.mirror.readHints(1_000))
    .filter((hint) => hint.payoutId === payoutId)
    .map(({ signal }) => signal);
const entriesAbout = async (depositId: string): Promise<string[]> => {
  const text = 'select cause from ledger_entries where deposit_id = $1 order by entry_id';
  return (await testStore.sql.query(text, [depositId])).rows.map(({ cause }) => cause);
};

describe('a deposit that a reading shows', () => {
  test("is the payout's that expects it, in the same transaction, with the hint to its workflow", async () => {
    const { payoutId, amount } = await openPayout(testStore.store);
    const id = newName('dep');
    await show(id, amount);
    expect(await find(id)).toMatchObject({
      status: 'allocated',
      allocations: [{ payoutId, matchedBy: 'exactAmount' }],
    });
    expect(await testStore.store.payouts.readMissingDeposit(payoutId)).toBe('0');
    expect(await hintsOf(payoutId)).toEqual(['depositAllocated']);
  });

  test('is booked once, however often and by whichever page it is read', async () => {
    const id = newName('dep');
    const amount = oddAmount();
    await Promise.all([show(id, amount), show(id, amount), show(id, amount)]);
    await show(id, amount);
    expect(await entriesAbout(id)).toEqual(['deposit']);
  });

  test('of two that show the same source the second is not booked, and is named', async () => {
    const [id, amount] = [newName('dep'), oddAmount()];
    await show(id, amount);
    const reader = await readerOf(testStore.store);
    const again = transactionOf(id, amount, { providerId: `bt-${id}-again` });
    await reader.recordPage('transaction', await page([again]));
    expect(await entriesAbout(id)).toEqual(['deposit']);
    const { problems } = await testStore.store.mirror.readStatus();
    expect(problems).toMatchObject([
      { providerId: `bt-${id}-again`, problem: expect.stringContaining('duplicate') },
    ]);
    await testStore.sql.query('update provider_objects set booking_problem = null');
  });

  test('one that cannot be booked keeps no other from it, and is tried again', async () => {
    const reader = await readerOf(testStore.store);
    const [good, bad, last] = [newName('dep'), newName('dep'), newName('dep')];
    await testStore.sql.query(
      `create function refuse_bad() returns trigger language plpgsql as $$
       begin if new.deposit_id = '${bad}' then raise 'out of order'; end if; return new; end $$;
       create trigger bad before insert on deposits for each row execute function refuse_bad()`,
    );
    await reader.recordPage(
      'transaction',
      await page([good, bad, last].map((id) => transactionOf(id, oddAmount()))),
    );
    expect([await find(good), await find(last)]).toMatchObject([{ depositId: good }, { depositId: last }]);
    expect(await find(bad)).toBeUndefined();
    await settle();
    const { problems } = await testStore.store.mirror.readStatus();
    expect(problems).toMatchObject([{ providerId: `bt-${bad}`, problem: 'out of order' }]);
    await testStore.sql.query('drop trigger bad on deposits; drop function refuse_bad');
    await settle();
    expect(await entriesAbout(bad)).toEqual(['deposit']);
    expect((await testStore.store.mirror.readStatus()).problems).toEqual([]);
  });

  test('pending it does not count; what arrives counts, not what was sent', async () => {
    const reader = await readerOf(testStore.store);
    const id = newName('dep');
    const pending = transactionOf(id, '50', { status: 'pending', isOpen: true });
    await reader.recordPage('transaction', await page([pending]));
    expect(await find(id)).toBeUndefined();
    const content = { createdAt: new Date().toISOString(), net: '49.375' };
    await reader.recordPage('transaction', await page([transactionOf(id, '50', { content })]));
    expect(await find(id)).toMatchObject({ amount: '49.375' });
  });

  test('without a source it has the id of its transaction', async () => {
    const reader = await readerOf(testStore.store);
    const [id, amount] = [newName('bt'), oddAmount()];
    await reader.recordPage(
      'transaction',
      await page([transactionOf(id, amount, { providerId: id, source: null })]),
    );
    expect(await find(id)).toMatchObject({ depositId: id, providerDepositId: null });
    await note({ providerDepositId: newName('dep'), txHash: `0x${id}`, amount });
    await settle();
    expect(await find(id)).toMatchObject({ txHash: `0x${id}`, providerDepositId: expect.any(String) });
  });
});

describe('a notice', () => {
  test('before the money: names its transaction, and is not open any more', async () => {
    const { payoutId } = await openPayout(testStore.store);
    const [id, amount] = [newName('dep'), oddAmount()];
    const txHash = `0x${id}`;
    await testStore.store.deposits.declareTransaction({ payoutId, txHash, actor: 'test' });
    await note({ providerDepositId: id, txHash, amount });
    expect(await openNotices()).toContain(id);
    await show(id, amount);
    expect(await find(id)).toMatchObject({
      txHash,
      allocations: [{ payoutId, matchedBy: 'declaredTransaction' }],
    });
    expect(await openNotices()).not.toContain(id);
  });

  test("after the money: what was nobody's is matched again", async () => {
    const { payoutId } = await openPayout(testStore.store);
    const [id, amount] = [newName('dep'), oddAmount()];
    const txHash = `0x${id}`;
    await testStore.store.deposits.declareTransaction({ payoutId, txHash, actor: 'test' });
    await show(id, amount);
    expect(await find(id)).toMatchObject({ status: 'unallocated', unallocatedReason: 'UNMATCHED_DEPOSIT' });
    await note({ providerDepositId: id, txHash, amount });
    await settle();
    expect(await find(id)).toMatchObject({ status: 'allocated', txHash });
  });

  test('without a hash, then with one: the second says more', async () => {
    const [id, amount] = [newName('dep'), oddAmount()];
    await note({ providerDepositId: id, amount });
    await show(id, amount);
    await note({ providerDepositId: id, txHash: `0x${id}`, amount });
    await settle();
    expect(await find(id)).toMatchObject({ txHash: `0x${id}` });
  });

  test('asks for one sync, and not again when it says nothing new', async () => {
    const wishes = async () => (await testStore.store.mirror.readWishes(1_000)).length;
    const before = await wishes();
    const notice = { providerDepositId: newName('dep'), txHash: `0x${newName('hash')}`, amount: '5' };
    for (let time = 0; time < 3; time += 1) await note(notice);
    expect(await wishes()).toBe(before + 1);
  });

  test('of a transaction alone is about the one deposit of its amount that no other explains', async () => {
    const amount = oddAmount();
    const [first, second] = [newName('dep'), newName('dep')];
    await show(first, amount);
    await show(second, amount);
    const byHand = await note({ txHash: `0x${first}`, amount });
    await settle();
    // Of two nothing can be said.
    expect(await openNotices()).toContain(byHand.noticeId);
    await note({ providerDepositId: second, txHash: `0x${second}`, amount });
    await settle();
    await settle();
    expect(await openNotices()).not.toContain(byHand.noticeId);
    expect(await find(first)).toMatchObject({ txHash: `0x${first}` });
  });

  test('that contradicts what was said by hand: the provider is right, and whoever was given it is marked', async () => {
    const { payoutId } = await openPayout(testStore.store);
    const [id, amount] = [newName('dep'), oddAmount()];
    await testStore.store.deposits.declareTransaction({ payoutId, txHash: `0x${id}-hand`, actor: 'test' });
    await note({ txHash: `0x${id}-hand`, amount });
    await show(id, amount);
    await settle();
    expect(await find(id)).toMatchObject({ txHash: `0x${id}-hand`, allocations: [{ payoutId }] });
    await note({ providerDepositId: id, txHash: `0x${id}`, amount });
    await settle();
    expect(await find(id)).toMatchObject({ txHash: `0x${id}` });
    expect((await testStore.store.payouts.getPayout(payoutId)).flags).toEqual(['CONFLICTING_MATCH']);
  });
});

describe('what was in the account before', () => {
  let used: TestStore;
  beforeEach(async () => {
    used = await openTestStore();
  });
  afterEach(async () => {
    expect(await auditLedger(used.sql)).toEqual([]);
    await used.close();
  });

  const openWith = async (...shown: ReturnType<typeof transactionOf>[]): Promise<boolean> =>
    used.store.mirror.openAccount({
      balances: [{ currency: 'USDT', available: '100', pending: '20' }],
      transactions: shown,
      readAt: await used.store.mirror.readClock(),
    });
  const depositsOf = async (store: TestStore): Promise<string[]> =>
    (await store.store.deposits.listDeposits({ limit: 100 })).items.map(({ depositId }) => depositId).sort();

  test('is the opening balance, and never a deposit: not when it is read again, nor when it changes', async () => {
    await openWith(
      transactionOf('old', '100'),
      transactionOf('on-its-way', '20', { status: 'pending', isOpen: true }),
    );
    const reader = await readerOf(used.store);
    await reader.recordPage(
      'transaction',
      await page([transactionOf('old', '100'), transactionOf('on-its-way', '20')]),
    );
    expect(await depositsOf(used)).toEqual([]);
    expect(await used.store.ledger.readBalances()).toMatchObject([{ currency: 'USDT', available: '120' }]);
  });

  test('what shows first after that is a deposit, even where QbitPay dates it a little earlier', async () => {
    await openWith();
    const reader = await readerOf(used.store);
    const dated = (hoursAgo: number) => ({
      content: { createdAt: new Date(Date.now() - hoursAgo * 3_600_000).toISOString() },
    });
    const objects = [
      transactionOf('new', '1'),
      transactionOf('late', '2', dated(20)),
      transactionOf('ancient', '3', dated(30)),
    ];
    await reader.recordPage('transaction', await page(objects));
    expect(await depositsOf(used)).toEqual(['late', 'new']);
  });

  test('is written once, and not at all where another reading has shown more meanwhile', async () => {
    const readAt = await used.store.mirror.readClock();
    const other = used.store.mirror.asReader(await used.store.mirror.takeGeneration(), READER_RULES);
    await other.recordPage('transaction', await page([transactionOf('meanwhile', '7')]));
    expect(await depositsOf(used)).toEqual([]);
    const opening = { balances: [], transactions: [], readAt };
    expect(await used.store.mirror.openAccount(opening)).toBe(false);
    expect(await openWith()).toBe(true);
    expect(await openWith()).toBe(true);
    expect(await used.store.ledger.readBalances()).toMatchObject([{ currency: 'USDT', available: '120' }]);
  });
});

describe('a deposit that a person assigns', () => {
  const part = (payoutId: string, amount: string) => ({ payoutId, amount });

  test('with others in one call: each is answered for itself', async () => {
    const { payoutId } = await openPayout(testStore.store);
    const amounts = [oddAmount(), oddAmount(), oddAmount()];
    const [dust, part1, taken] = await Promise.all(amounts.map((amount) => deposit(testStore.store, amount)));
    await assign(testStore.store, taken!, 'available');
    const to = [part(payoutId, amounts[1]!)];
    const wanted = [
      { depositId: dust!, to: 'available' as const },
      { depositId: part1!, to },
      { depositId: taken!, to },
      { depositId: 'nobodys', to: 'available' as const },
    ];
    for (const time of ['first', 'again']) {
      const outcomes = await testStore.store.deposits.assignDeposits(wanted, 'test');
      expect([time, ...outcomes.map(({ code }) => code)]).toEqual([
        time,
        null,
        null,
        'DEPOSIT_ASSIGNED',
        'DEPOSIT_NOT_FOUND',
      ]);
    }
    expect(await entriesAbout(dust!)).toEqual(['deposit', 'allocation']);
    expect((await testStore.store.payouts.getPayout(payoutId)).deposit).toMatchObject({
      received: addAmounts(amounts[1]!),
    });
    expect(await hintsOf(payoutId)).toEqual(['depositAllocated']);
  });

  test('several for one payout in one call add up', async () => {
    const { payoutId, amount } = await openPayout(testStore.store);
    const first = oddAmount();
    const rest = subtractAmounts(amount, first);
    const [one, two] = [await deposit(testStore.store, first), await deposit(testStore.store, rest)];
    const outcomes = await testStore.store.deposits.assignDeposits(
      [
        { depositId: one, to: [part(payoutId, first)] },
        { depositId: two, to: [part(payoutId, rest)] },
      ],
      'test',
    );
    expect(outcomes).toMatchObject([{ code: null }, { code: null }]);
    expect(await testStore.store.payouts.readMissingDeposit(payoutId)).toBe('0');
  });

  test('said again in another order and spelling it is the same; said otherwise it is not', async () => {
    const [{ payoutId: a }, { payoutId: b }] = [
      await openPayout(testStore.store),
      await openPayout(testStore.store),
    ];
    const id = await deposit(testStore.store, '100.5');
    const to = [part(a, '60.5'), part(b, '40')];
    expect(await assign(testStore.store, id, to)).toMatchObject({ code: null });
    expect(await assign(testStore.store, id, [part(b, '40.00'), part(a, '60.50')])).toMatchObject({
      code: null,
    });
    const others = [
      'available' as const,
      [part(a, '100.5')],
      [part(a, '60'), part(b, '40.5')],
      [part(a, '60.5')],
      [part(a, '60.5'), part('c', '40')],
    ];
    for (const other of others) {
      expect(await assign(testStore.store, id, other)).toMatchObject({ code: 'DEPOSIT_ASSIGNED' });
    }
  });

  test('by several at once: one decision wins, and is booked once', async () => {
    const { payoutId } = await openPayout(testStore.store);
    const id = await deposit(testStore.store, '50.5');
    const wishes = [[part(payoutId, '50.5')], 'available' as const];
    const outcomes = await Promise.all([...wishes, ...wishes].map((to) => assign(testStore.store, id, to)));
    const codes = outcomes.map(({ code }) => code ?? 'done');
    expect(codes.slice(2)).toEqual(codes.slice(0, 2));
    expect(codes.slice(2).toSorted()).toEqual(['DEPOSIT_ASSIGNED', 'done']);
    expect(await entriesAbout(id)).toEqual(['deposit', 'allocation']);
  });

  test('what a payout did not need of its part is available, and the same when it is said again', async () => {
    const { payoutId, amount } = await openPayout(testStore.store);
    const more = addAmounts(amount, '9.875');
    const id = await deposit(testStore.store, more);
    for (let time = 0; time < 2; time += 1) {
      expect(await assign(testStore.store, id, [part(payoutId, more)])).toMatchObject({ code: null });
    }
    expect(await assign(testStore.store, id, 'available')).toMatchObject({ code: 'DEPOSIT_ASSIGNED' });
    expect(await assign(testStore.store, id, [part(payoutId, amount)])).toMatchObject({
      code: 'DEPOSIT_ASSIGNED',
    });
  });

  test.each([
    ['100', /add up to 100\.000000 USDT.*100\.500000 USDT/],
    ['100.500001', /100\.500001 USDT/],
    ['100.5000001', /at most 18 digits/],
  ])('parts of %s that are not all of it are refused', async (amount, message) => {
    const { payoutId } = await openPayout(testStore.store);
    const id = await deposit(testStore.store, '100.5');
    expect(await assign(testStore.store, id, [part(payoutId, amount)])).toEqual({
      code: 'ASSIGNMENT_REFUSED',
      detail: expect.stringMatching(message),
    });
    expect(await entriesAbout(id)).toEqual(['deposit']);
  });
});

function transactionOf(depositId: string, amount: string, changes: object = {}) {
  return {
    kind: 'transaction' as const,
    providerId: `bt-${depositId}`,
    externalOrderId: null,
    source: depositId as string | null,
    type: 'deposit',
    status: 'available',
    currency: 'USDT',
    amount,
    content: { createdAt: new Date().toISOString() } as object,
    problem: null,
    isOpen: false,
    ...changes,
  };
}

async function page(objects: ReturnType<typeof transactionOf>[]) {
  return { objects, readAt: await testStore.store.mirror.readClock() };
}
