import {
  type BalanceTransaction,
  closeEverything,
  type ErrorBody,
  type ListOf,
  type Payout,
  type SimulatorClient,
  startClient,
  startReceiver,
} from './simulator-fixture.js';

afterEach(closeEverything);

/** What explains a balance, newest first. */
async function transactionsOf(client: SimulatorClient, source: string): Promise<BalanceTransaction[]> {
  return client.all<BalanceTransaction>(`/balanceTransactions?source=${source}`);
}

describe('a balance that moves without a reason', () => {
  test.each([
    ['USDT', 5.25, 505.25],
    ['USDT', '-0.000001', 499.999999],
    ['USDT', -500, 0],
    ['BTC', '0.5', 0.5],
  ])('%s by %p leaves %d and no transaction', async (currency, amount, available) => {
    const client = await startClient();
    await client.deposit('USDT', 500);
    const answer = await client.control('POST', '/balances/adjust', { currency, amount });
    expect(answer.body).toMatchObject({ object: 'balance', currency, available, pending: 0 });
    expect(await client.balance(currency)).toEqual({ available, pending: 0 });
    expect((await client.all('/balanceTransactions')).length).toBe(1);
  });

  test('never goes below zero', async () => {
    const client = await startClient();
    await client.deposit('USDT', 500);
    await client.deposit('USDT', 500, { confirm: false });
    const adjustment = { currency: 'USDT', amount: -500.000001 };
    const refused = await client.control<ErrorBody>('POST', '/balances/adjust', adjustment);
    expect([refused.status, refused.body.field]).toEqual([400, 'amount']);
    expect(await client.balance('USDT')).toEqual({ available: 500, pending: 500 });
  });
});

describe('what the provider forgets', () => {
  test('a payout is in no list and not found, its money stays moved and explained', async () => {
    const client = await startClient();
    await client.deposit('CNY', 10_000);
    const first = (await client.pay(2000, { externalOrderId: 'kept' })).body;
    const { id, destination } = (await client.pay(2000, { externalOrderId: 'gone' })).body;
    const last = (await client.pay(2000)).body;
    const answer = await client.control<Payout>('POST', `/payouts/${id}/forget`);
    expect(answer.body).toMatchObject({ id, externalOrderId: 'gone' });
    expect((await client.api('GET', `/payouts/${id}`)).status).toBe(404);
    for (const filter of ['', `?destination=${destination.id}`, '?status=pending']) {
      expect((await client.all<Payout>(`/payouts${filter}`)).map((one) => one.id)).toEqual([
        last.id,
        first.id,
      ]);
    }
    expect(await transactionsOf(client, id)).toMatchObject([{ type: 'payout', net: -2010 }]);
    expect((await client.balance('CNY')).available).toBe(3970);
  });

  test('a forgotten payout moves on, its webhooks and its return too', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url });
    await client.deposit('CNY', 10_000);
    const { id } = (await client.pay(2000)).body;
    await client.control('POST', `/payouts/${id}/forget`);
    await client.control('POST', `/payouts/${id}/advance`, { status: 'failed' });
    const [failed] = await receiver.type('payout.failed');
    expect(failed!.event.data).toMatchObject({ id, amount: 2000 });
    expect((await client.api('GET', `/payouts/${id}`)).status).toBe(404);
    expect((await client.balance('CNY')).available).toBe(10_000);
  });

  test('an order is in no list and not found, both its movements stay', async () => {
    const client = await startClient();
    await client.deposit('USDT', 100);
    const order = { symbol: 'USDT/CNY', side: 'sell', amount: 50, externalOrderId: 'o-1' };
    const { id } = (await client.api<{ id: string }>('POST', '/orders', order)).body;
    expect((await client.control('POST', `/orders/${id}/forget`)).body).toMatchObject({ id, ...order });
    expect((await client.api('GET', `/orders/${id}`)).status).toBe(404);
    expect(await client.all('/orders')).toEqual([]);
    expect(await client.all('/orders?externalOrderId=o-1')).toEqual([]);
    expect((await transactionsOf(client, id)).map((one) => one.currency).sort()).toEqual(['CNY', 'USDT']);
    expect((await client.balance('CNY')).available).toBe(348.5);
  });

  test('a deposit loses its transaction, the money stays', async () => {
    const client = await startClient();
    const kept = await client.deposit('USDT', 20);
    const gone = await client.deposit('USDT', 30, { confirm: false });
    const [transaction] = await transactionsOf(client, gone.id);
    expect((await client.control('POST', `/deposits/${gone.id}/forget`)).body).toMatchObject({ id: gone.id });
    // Also what becomes of it later is not shown.
    expect((await client.control('POST', `/deposits/${gone.id}/confirm`)).status).toBe(200);
    expect(await transactionsOf(client, gone.id)).toEqual([]);
    expect((await client.api('GET', `/balanceTransactions/${transaction!.id}`)).status).toBe(404);
    const shown = await client.all<BalanceTransaction>('/balanceTransactions');
    expect(shown.map((one) => one.source)).toEqual([kept.id]);
    expect(await client.balance('USDT')).toEqual({ available: 50, pending: 0 });
  });

  test('a notice that lied has nothing to forget', async () => {
    const client = await startClient();
    const { id } = await client.deposit('USDT', 20, { money: false });
    const refused = await client.control<ErrorBody>('POST', `/deposits/${id}/forget`);
    expect([refused.status, refused.body.field]).toEqual([400, 'id']);
  });
});

describe('a payout that is shown otherwise', () => {
  test('shows what was overwritten, one by one, and its money follows the truth', async () => {
    const client = await startClient({}, { settlement: 'manual', returns: 'manual' });
    await client.deposit('CNY', 10_000);
    const { id } = (await client.pay(2000)).body;
    const overwrite = async (body: object): Promise<unknown> => {
      const answer = await client.control('POST', `/payouts/${id}/overwrite`, body);
      expect((await client.api('GET', `/payouts/${id}`)).body).toEqual(answer.body);
      expect((await client.api<ListOf<Payout>>('GET', '/payouts')).body.data).toEqual([answer.body]);
      return answer.body;
    };
    expect(await overwrite({ fee: 0 })).toMatchObject({ amount: 2000, fee: 0, status: 'pending' });
    expect(await overwrite({ amount: 1999.99 })).toMatchObject({ amount: 1999.99, fee: 0 });
    expect(await overwrite({ status: 'paid' })).toMatchObject({ amount: 1999.99, status: 'paid' });
    expect((await client.all('/payouts?status=paid')).length).toBe(1);
    expect((await client.all('/payouts?status=pending')).length).toBe(0);
    expect((await client.balance('CNY')).available).toBe(7990);

    // In truth it is pending: it can fail, and all that was taken comes back.
    await client.control('POST', `/payouts/${id}/advance`, { status: 'failed' });
    expect((await client.api<Payout>('GET', `/payouts/${id}`)).body.status).toBe('paid');
    await client.control('POST', `/payouts/${id}/return`);
    expect((await client.balance('CNY')).available).toBe(10_000);
  });

  test('sends events that say what is true', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url });
    await client.deposit('CNY', 10_000);
    const { id } = (await client.pay(2000)).body;
    await client.control('POST', `/payouts/${id}/overwrite`, { amount: 1, status: 'failed' });
    await client.control('POST', `/payouts/${id}/advance`, { status: 'paid' });
    const [paid] = await receiver.type('payout.paid');
    expect(paid!.event.data).toMatchObject({ amount: 2000, status: 'paid' });
  });

  test.each([
    [{ amount: 0 }, 'amount'],
    [{ amount: 1.001 }, 'amount'],
    [{ fee: 0.001 }, 'fee'],
    [{ fee: -1 }, 'fee'],
    [{ status: 'inTransition' }, 'status'],
    [{ currency: 'USDT' }, 'currency'],
  ])('is not overwritten by %j', async (body, field) => {
    const client = await startClient();
    await client.deposit('CNY', 10_000);
    const { id } = (await client.pay(2000)).body;
    const refused = await client.control<ErrorBody>('POST', `/payouts/${id}/overwrite`, body);
    expect([refused.status, refused.body.field]).toEqual([400, field]);
    expect((await client.api('GET', `/payouts/${id}`)).body).toMatchObject({ amount: 2000, fee: 10 });
  });
});

describe('a payout made in the dashboard', () => {
  test('is paid at once, below the minimum too, and belongs to nobody', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ feeSide: 'deducted', webhookUrl: receiver.url });
    await client.deposit('CNY', 10_000);
    const made = { amount: 100, currency: 'CNY' };
    const { body } = await client.control<Payout>('POST', '/dashboard/payouts', made);
    expect(body).toMatchObject({ object: 'payout', ...made, fee: 0.5, status: 'paid', type: 'bankAccount' });
    expect(body).not.toHaveProperty('externalOrderId');
    expect(await client.all('/payouts')).toEqual([body]);
    expect((await client.api('GET', `/payouts/${body.id}`)).body).toEqual(body);
    expect(await transactionsOf(client, body.id)).toMatchObject([
      { type: 'payout', amount: -100, fee: 0.5, net: -100.5, status: 'available' },
    ]);
    expect((await client.balance('CNY')).available).toBe(9899.5);
    const [paid] = await receiver.type('payout.paid');
    expect(paid!.event.data.id).toBe(body.id);
  });

  test('uses up no rule and never overdraws', async () => {
    const client = await startClient();
    await client.deposit('CNY', 100.49);
    await client.control('POST', '/outcomes', { outcome: 'failed' });
    const pay = async (amount: number): Promise<number> =>
      (await client.control('POST', '/dashboard/payouts', { amount, currency: 'CNY' })).status;
    expect(await pay(100)).toBe(402);
    expect(await client.all('/payouts')).toEqual([]);
    expect(await pay(50)).toBe(200);
    expect((await client.control<{ data: unknown[] }>('GET', '/outcomes')).body.data.length).toBe(1);
    expect((await client.balance('CNY')).available).toBe(50.24);
  });
});
