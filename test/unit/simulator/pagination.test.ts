import {
  ALIPAY,
  closeEverything,
  type ErrorBody,
  type ListOf,
  type Payout,
  type SimulatorClient,
  startClient,
} from './simulator-fixture.js';

afterEach(closeEverything);

interface Charge {
  readonly id: string;
  readonly createdAt: string;
}

async function ids(client: SimulatorClient, query: string): Promise<string[]> {
  const answer = await client.api<ListOf<Charge>>('GET', `/charges${query}`);
  expect(answer.status).toBe(200);
  return answer.body.data.map((one) => one.id);
}

/** Newest first, as a list must show them. */
async function seed(client: SimulatorClient, count: number): Promise<string[]> {
  const made = await client.control<{ data: Charge[] }>('POST', '/charges', {
    count,
    currency: 'USDT',
    amount: 7,
  });
  return made.body.data.map((one) => one.id).reverse();
}

describe('lists', () => {
  test('are newest first, ten by default, with times that strictly fall', async () => {
    const client = await startClient();
    const expected = await seed(client, 25);
    const answer = await client.api<ListOf<Charge>>('GET', '/charges');
    expect(answer.body).toMatchObject({ object: 'list', url: '/api/v1/charges' });
    expect(Object.keys(answer.body)).toEqual(['object', 'url', 'data']);
    expect(answer.body.data.map((one) => one.id)).toEqual(expected.slice(0, 10));
    const times = answer.body.data.map((one) => one.createdAt);
    expect([...new Set(times)].sort().reverse()).toEqual(times);
  });

  test('page back by starting_after and forth by ending_before, both exclusive', async () => {
    const client = await startClient();
    const expected = await seed(client, 25);
    expect(await ids(client, `?limit=10&starting_after=${expected[9]!}`)).toEqual(expected.slice(10, 20));
    expect(await ids(client, `?limit=10&starting_after=${expected[19]!}`)).toEqual(expected.slice(20));
    expect(await ids(client, `?starting_after=${expected[24]!}`)).toEqual([]);
    expect(await ids(client, `?limit=5&ending_before=${expected[12]!}`)).toEqual(expected.slice(7, 12));
    expect(await ids(client, `?limit=5&ending_before=${expected[3]!}`)).toEqual(expected.slice(0, 3));
    expect(await ids(client, `?ending_before=${expected[0]!}`)).toEqual([]);
  });

  test('a cursor stays where it is while new objects arrive', async () => {
    const client = await startClient();
    const first = await seed(client, 12);
    const cursor = (await ids(client, '?limit=5')).at(-1)!;
    await seed(client, 3);
    expect(await ids(client, `?limit=5&starting_after=${cursor}`)).toEqual(first.slice(5, 10));
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=5&limit=6', 'limit'],
    ['starting_after=unknown', 'starting_after'],
    ['ending_before=unknown', 'ending_before'],
    ['externalId=x', 'externalId'],
  ])('refuse %s with 400', async (query, named) => {
    const client = await startClient();
    await seed(client, 1);
    const answer = await client.api<ErrorBody>('GET', `/charges?${query}`);
    expect([answer.status, answer.body.type]).toEqual([400, 'invalid_request_error']);
    expect(answer.body.message).toContain(named);
  });

  test('refuse both cursors at once', async () => {
    const client = await startClient();
    const [id] = await seed(client, 1);
    const answer = await client.api('GET', `/charges?starting_after=${id!}&ending_before=${id!}`);
    expect(answer.status).toBe(400);
  });

  test('payouts filter by destination and status, and pages go on within the filter', async () => {
    const client = await startClient();
    await client.deposit('CNY', 100_000);
    const other = { destination: { ...ALIPAY, bankAccountNum: '139' } };
    const made: Payout[] = [];
    for (let index = 0; index < 8; index += 1) {
      made.unshift((await client.pay(2000, index % 2 === 0 ? {} : other)).body);
    }
    const alipay = made.filter((one) => one.destination['bankAccountNum'] === ALIPAY.bankAccountNum);
    expect(new Set(alipay.map((one) => one.destination.id)).size).toBe(1);
    const path = `/payouts?destination=${alipay[0]!.destination.id}&limit=3`;
    const first = await client.api<ListOf<Payout>>('GET', path);
    expect(first.body.data.map((one) => one.id)).toEqual(alipay.slice(0, 3).map((one) => one.id));
    const second = await client.api<ListOf<Payout>>('GET', `${path}&starting_after=${alipay[2]!.id}`);
    expect(second.body.data.map((one) => one.id)).toEqual([alipay[3]!.id]);
    // A cursor need not match the filter: here it is a payout to the other destination.
    const newer = await client.api<ListOf<Payout>>('GET', `${path}&ending_before=${made[4]!.id}`);
    expect(newer.body.data.map((one) => one.id)).toEqual(alipay.slice(0, 2).map((one) => one.id));
    await client.control('POST', `/payouts/${made[3]!.id}/advance`, { status: 'failed' });
    const failed = await client.all<Payout>('/payouts?status=failed');
    expect(failed.map((one) => one.id)).toEqual([made[3]!.id]);
    expect((await client.api('GET', '/payouts?externalOrderId=x')).status).toBe(400);
  });

  test('charges filter by externalOrderId and can credit the balance', async () => {
    const client = await startClient();
    await seed(client, 3);
    await client.control('POST', '/charges', {
      currency: 'USDT',
      amount: 9,
      externalOrderId: 'c-1',
      credited: true,
    });
    const found = await client.all<{ id: string; amount: number }>('/charges?externalOrderId=c-1');
    expect(found).toMatchObject([{ object: 'charge', amount: 9, externalOrderId: 'c-1' }]);
    expect((await client.api('GET', `/charges/${found[0]!.id}`)).body).toEqual(found[0]);
    expect((await client.balance('USDT')).available).toBe(9);
  });
});
