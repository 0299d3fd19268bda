import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator } from '../../../src/simulator/server.js';
import { STATE_FILE } from '../../../src/simulator/state-log.js';
import {
  API_KEY,
  closeEverything,
  eventDelivered,
  type ListOf,
  type Payout,
  type SimulatorClient,
  startClient,
  startReceiver,
} from './simulator-fixture.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'simulator-'));
});

afterEach(async () => {
  await closeEverything();
  rmSync(directory, { recursive: true });
});

/** What a kill at this moment would leave: the files as they are while the simulator still runs. */
function killedCopy(): string {
  const copy = join(directory, `copy-${Math.random()}`);
  cpSync(join(directory, 'state'), copy, { recursive: true });
  return copy;
}

async function startStored(options: object = {}, settings?: object): Promise<SimulatorClient> {
  return startClient({ stateDirectory: join(directory, 'state'), ...options }, settings);
}

/** Everything a client or operator can read. */
async function picture(client: SimulatorClient): Promise<unknown> {
  const read = async (path: string): Promise<unknown> => (await client.control('GET', path)).body;
  // The journal first: reading the API adds to it.
  const journal = await read('/journal');
  return {
    journal,
    payouts: await client.all('/payouts'),
    orders: await client.all('/orders'),
    charges: await client.all('/charges'),
    transactions: await client.all('/balanceTransactions'),
    balances: (await client.api('GET', '/balances/show')).body,
    events: await read('/events'),
    deposits: await read('/deposits'),
    faults: await read('/faults'),
    outcomes: await read('/outcomes'),
    settings: await read('/settings'),
  };
}

describe('a killed simulator', () => {
  test('has kept everything it answered', async () => {
    const client = await startStored();
    await client.deposit('USDT', 500);
    await client.deposit('CNY', 10_000, { confirm: false });
    await client.api('GET', '/markets/ticker?symbol=USDT/CNY&side=bid');
    await client.api('POST', '/orders', { symbol: 'USDT/CNY', side: 'sell', amount: 450, price: 6.97 });
    const { id } = (await client.pay(2000, { externalOrderId: 'kept' })).body;
    await client.control('POST', `/payouts/${id}/advance`, { status: 'inTransit' });
    await client.control('POST', '/charges', { count: 3, currency: 'USDT', amount: 5 });
    await client.control('POST', '/faults', {
      endpoint: 'GET /api/v1/accessToken',
      kind: 'api_error',
      times: 2,
    });
    await client.api('GET', '/accessToken');
    await client.control('POST', '/outcomes', { outcome: 'failed', amount: 7 });
    await client.control('POST', '/price', { symbol: 'USDT/CNY', bid: 6.5, ask: 6.6 });
    const copy = killedCopy();
    const before = await picture(client);
    const revived = await startClient({ stateDirectory: copy });
    expect(await picture(revived)).toEqual(before);
    // A price quoted before the kill is still good after it.
    const order = { symbol: 'USDT/CNY', side: 'sell', amount: 50, price: 6.97 };
    expect((await revived.api('POST', '/orders', order)).status).toBe(200);
  });

  test('still denies what it forgot, shows what was overwritten, and owes what did not come back', async () => {
    const client = await startStored();
    const returns = { returns: 'manual', payoutFee: 1.9, deliverLess: 0.5, returnFees: false };
    await client.control('PATCH', '/settings', returns);
    const deposit = await client.deposit('CNY', 20_000);
    await client.deposit('USDT', 100);
    const order = { symbol: 'USDT/CNY', side: 'sell', amount: 30 };
    const { id: orderId } = (await client.api<{ id: string }>('POST', '/orders', order)).body;
    const forgotten = (await client.pay(2000)).body.id;
    const overwritten = (await client.pay(2000)).body.id;
    const failed = (await client.pay(2000)).body.id;
    await client.control('POST', `/payouts/${failed}/advance`, { status: 'failed' });
    await client.control('POST', '/dashboard/payouts', { currency: 'CNY', amount: 50 });
    await client.control('POST', `/payouts/${forgotten}/forget`);
    await client.control('POST', `/orders/${orderId}/forget`);
    await client.control('POST', `/deposits/${deposit.id}/forget`);
    await client.control('POST', `/payouts/${overwritten}/overwrite`, { amount: 7, status: 'paid' });
    await client.control('POST', '/balances/adjust', { currency: 'CNY', amount: -3 });
    const copy = killedCopy();
    const before = await picture(client);
    const revived = await startClient({ stateDirectory: copy }, null);
    expect(await picture(revived)).toEqual(before);
    expect((await revived.api('GET', `/payouts/${forgotten}`)).status).toBe(404);
    expect((await revived.api('GET', `/payouts/${overwritten}`)).body).toMatchObject({ amount: 7 });
    expect((await revived.control('POST', `/payouts/${failed}/return`)).status).toBe(200);
    expect((await revived.control('POST', `/payouts/${failed}/return`)).status).toBe(400);
  });

  test('loses at most the line it was writing, and goes on from there', async () => {
    const client = await startStored();
    await client.deposit('USDT', 500);
    const copy = killedCopy();
    appendFileSync(join(copy, STATE_FILE), '[["balance",{"id":"USDT","available":"9');
    const revived = await startClient({ stateDirectory: copy });
    expect(await revived.balance('USDT')).toEqual({ available: 500, pending: 0 });
    await revived.deposit('USDT', 1);
    await revived.simulator.close();
    const again = await startClient({ stateDirectory: copy });
    expect(await again.balance('USDT')).toEqual({ available: 501, pending: 0 });
  });

  test('refuses to start from a file that is damaged elsewhere', async () => {
    const client = await startStored();
    await client.simulator.close();
    const file = join(directory, 'state', STATE_FILE);
    writeFileSync(file, `broken\n${readFileSync(file, 'utf8')}`);
    await expect(
      startSimulator({ apiKey: API_KEY, stateDirectory: join(directory, 'state') }),
    ).rejects.toThrow(/damaged.*line 1/);
  });

  test('carries on payouts, deposits and waiting events', async () => {
    const client = await startStored({ settleAfterMs: 600_000 }, {});
    await client.deposit('CNY', 10_000, { notify: false });
    const { id } = (await client.pay(2000)).body;
    await client.deposit('USDT', 7, { pendingMs: 600_000 });
    const copy = killedCopy();
    // As if those ten minutes had passed while it was down.
    const file = join(copy, STATE_FILE);
    const stored = readFileSync(file, 'utf8').replace(/"dueAt":\d+/g, '"dueAt":1');
    writeFileSync(file, stored);
    const receiver = await startReceiver();
    const options = { stateDirectory: copy, webhookUrl: receiver.url, settleAfterMs: 1 };
    const revived = await startClient(options, null);
    await receiver.type('payout.paid');
    await receiver.type('deposit.confirmed');
    expect((await revived.api<Payout>('GET', `/payouts/${id}`)).body.status).toBe('paid');
    expect(await revived.balance('USDT')).toEqual({ available: 7, pending: 0 });
    // This one waited for a URL before the kill.
    await receiver.type('payout.pending');
  });

  test('delivers what was not acknowledged yet, and not what was', async () => {
    const receiver = await startReceiver();
    receiver.answer = (received) => (received.event.data.amount === 2 ? 500 : 200);
    const client = await startStored({ webhookUrl: receiver.url, webhookTimeScale: 1 });
    await client.deposit('USDT', 1);
    await client.deposit('USDT', 2);
    const [, failing] = await receiver.count(2, () => true);
    const ids = receiver.received.map((one) => one.event.id);
    const refused = receiver.received.find((one) => one.event.data.amount === 2)!;
    const acknowledged = ids.find((one) => one !== refused.event.id)!;
    await eventDelivered(client, acknowledged, 'acknowledged');
    while ((await eventDelivered(client, refused.event.id, 'scheduled')).attempts.length === 0);
    expect(failing).toBeDefined();
    const copy = killedCopy();
    // As if the 15 minutes had passed while it was down.
    const file = join(copy, STATE_FILE);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"dueAt":\d+/g, '"dueAt":1'));
    const second = await startReceiver();
    await startClient({ stateDirectory: copy, webhookUrl: second.url }, null);
    expect((await second.count(1)).map((one) => one.text)).toEqual([refused.text]);
  });
});

describe('the state file', () => {
  test('never holds the API key and is private to its owner', async () => {
    const client = await startStored();
    await client.control('PATCH', '/settings', { apiKey: 'rotated-key' });
    await client.api('GET', '/accounts/show');
    await client.simulator.close();
    const file = join(directory, 'state', STATE_FILE);
    const text = readFileSync(file, 'utf8');
    expect(text).not.toContain('rotated-key');
    expect(text).not.toContain(API_KEY);
    expect(statSync(file).mode & 0o077).toBe(0);
  });

  test('is compacted at start', async () => {
    const client = await startStored();
    for (let index = 0; index < 20; index += 1) {
      await client.control('POST', '/price', { symbol: 'USDT/CNY', bid: 6 + index / 100, ask: 7 });
    }
    await client.simulator.close();
    const lines = (): number => readFileSync(join(directory, 'state', STATE_FILE), 'utf8').split('\n').length;
    const before = lines();
    await (await startStored()).simulator.close();
    expect(lines()).toBeLessThan(before - 15);
  });

  test('an option given at start wins over what was stored; what is not given stays', async () => {
    const client = await startStored({ feeSide: 'deducted', livemode: false });
    await client.simulator.close();
    const revived = await startStored({ livemode: true });
    expect((await revived.control('GET', '/settings')).body).toMatchObject({
      feeSide: 'deducted',
      livemode: true,
      settlement: 'manual',
    });
  });

  test('a reset forgets everything but the settings, also on disk', async () => {
    const client = await startStored({ settleAfterMs: 5 });
    await client.deposit('CNY', 10_000);
    await client.pay(2000);
    await client.control('POST', '/faults', { endpoint: '*', kind: 'api_error' });
    expect((await client.control('POST', '/reset')).status).toBe(200);
    const empty = { payouts: 0, payoutsInFlight: 0, deposits: 0, events: 0, journal: 0 };
    expect((await client.control('GET', '/state')).body).toMatchObject({ counts: empty, faults: 0 });
    expect(await client.balance('CNY')).toEqual({ available: 0, pending: 0 });
    const revived = await startClient({ stateDirectory: killedCopy() });
    expect(await revived.all('/payouts')).toEqual([]);
    expect((await revived.control('GET', '/settings')).body).toMatchObject({ settleAfterMs: 5 });
  });
});

test('several simulators run beside each other, in memory too', async () => {
  const [one, other] = await Promise.all([startClient(), startClient()]);
  await one.deposit('USDT', 5);
  expect(await other.balance('USDT')).toEqual({ available: 0, pending: 0 });
  const listed = await other.control<ListOf<unknown>>('GET', '/deposits');
  expect(listed.body.data).toEqual([]);
});
