import { createOwnAccountRule } from '../../activities/provider/account-identity.js';
import { observeObject } from '../../activities/provider/provider-list.js';
import type { ApiKeySource } from '../../src/qbitpay/api-key.js';
import { createQbitPayClient } from '../../src/qbitpay/client.js';
import type { Payout } from '../../src/qbitpay/schemas.js';
import { openPayout, openTestStore, type TestStore } from '../support/test-store.js';
import { accept, sendUnknown, store, useStore } from '../support/request-store.js';
import { startRecordingServer, type RecordingServer } from '../unit/qbitpay/recording-server.js';

/** Two accounts at one QbitPay: what a key reads and pays from is looked at before anything else leaves with it. */

interface AccountShown {
  wallets: { currency: string; addr: string }[];
  readonly payouts: Set<string>;
}

const PAYOUT = {
  object: 'payout',
  createdAt: '2026-01-01T00:00:00Z',
  amount: 700,
  fee: 3.5,
  currency: 'USDT',
  status: 'paid',
};
const NEW_PAYOUT = {
  amount: '1',
  currency: 'USDT',
  destination: { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'T-wallet' },
} as const;

const ownPayouts = new Set<string>();

let qbitpay: RecordingServer;
let accounts: Record<string, AccountShown>;
const clients: { close(): void }[] = [];

useStore();

beforeEach(async () => {
  accounts = {
    // The address that the payouts of the store's tests are told.
    own: { wallets: [{ currency: 'USDT', addr: '0xA' }], payouts: ownPayouts },
    other: { wallets: [{ currency: 'USDT', addr: '0xB' }], payouts: new Set() },
  };
  qbitpay = await startRecordingServer();
  qbitpay.respond = ({ url, method, headers }, response) => {
    const key = Buffer.from(headers.authorization?.slice('Basic '.length) ?? '', 'base64').toString();
    const account = accounts[key.replace(/:$/, '')];
    const answer = (status: number, body: object): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const id = url.split('/').at(-1) ?? '';
    if (account === undefined) answer(401, { type: 'authentication_error' });
    else if (url.endsWith('/accounts/show'))
      answer(200, { feeRates: {}, limit: {}, wallets: account.wallets });
    else if (method === 'POST' || account.payouts.has(id)) answer(200, { ...PAYOUT, id });
    else answer(404, { type: 'invalid_request_error' });
  };
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const brake of await engaged()) await release(brake);
  await qbitpay.close();
});

/** A process's client, with a key file that can be written. */
function processWith(first: string, own: TestStore['store'] = store()) {
  const file = { key: first };
  let current = first;
  const apiKey: ApiKeySource = {
    current: () => current,
    reload: () => {
      const isChanged = current !== file.key;
      current = file.key;
      return Promise.resolve(isChanged);
    },
  };
  const client = createQbitPayClient({
    baseUrl: qbitpay.baseUrl,
    apiKey,
    isOwnAccount: createOwnAccountRule(own),
  });
  clients.push(client);
  return { client, file };
}

const engaged = (of: TestStore['store'] = store()) => of.brakes.listBrakes({ engaged: true, limit: 10 });
const release = ({ brakeId }: { readonly brakeId: string }, of: TestStore['store'] = store()) =>
  of.brakes.release({ brakeId, reason: 'looked at', actor: 'test' });

const ANOTHER = { name: 'QbitPayAnotherAccountError' };
const sentBy = (key: string): string[] =>
  qbitpay.requests
    .filter(({ headers }) => headers.authorization === `Basic ${Buffer.from(`${key}:`).toString('base64')}`)
    .map(({ method, url }) => `${method} ${url.replace('/api/v1', '')}`);

/** A payout of the engine's that QbitPay has shown as paid. */
async function paidPayout(): Promise<string> {
  const sent = await sendUnknown();
  const id = await accept(sent);
  const { externalOrderId } = sent.id;
  const shown = { ...PAYOUT, id, externalOrderId, amount: '700', fee: '3.5' } as unknown as Payout;
  await store().mirror.recordReading(observeObject(shown), await store().mirror.readClock());
  ownPayouts.add(id);
  return id;
}

test('K14: a key that is replaced while requests are refused reads and pays nothing of another account', async () => {
  await openPayout(store());
  const newest = await paidPayout();
  const { client, file } = processWith('own');
  expect((await client.getPayout(newest)).id).toBe(newest);
  delete accounts['own'];
  file.key = 'other';
  await expect(client.getPayout(newest)).rejects.toMatchObject({ status: 401 });
  await expect(client.getPayout('any')).rejects.toMatchObject(ANOTHER);
  await expect(client.createPayout(NEW_PAYOUT)).rejects.toMatchObject({ sent: false });
  await expect(client.background.readPayoutsPage(undefined)).rejects.toMatchObject(ANOTHER);
  expect(new Set(sentBy('other'))).toEqual(new Set(['GET /accounts/show']));
  expect(await engaged()).toMatchObject([
    { kind: 'ACCOUNT_CHANGED', detail: expect.stringContaining('0xB') },
  ]);
});

test('no release makes an account the engine’s of which nothing is known; the right key needs none', async () => {
  await openPayout(store());
  const newest = await paidPayout();
  const { client, file } = processWith('other');
  for (let times = 0; times < 3; times += 1) {
    await expect(client.getPayout('any')).rejects.toMatchObject(ANOTHER);
    const brakes = await engaged();
    expect(brakes).toHaveLength(1);
    for (const brake of brakes) await release(brake);
  }
  file.key = 'own';
  expect((await client.getPayout(newest)).id).toBe(newest);
  expect(await engaged()).toEqual([]);
});

test('a wallet was replaced: released once, it is the account’s', async () => {
  await openPayout(store());
  await paidPayout();
  const { client } = processWith('own');
  await client.getAccount();
  const own = accounts['own'];
  own?.wallets.splice(0, 1, { currency: 'USDT', addr: '0xC' });
  await expect(client.getAccount()).rejects.toMatchObject(ANOTHER);
  await expect(client.getPayout('any')).rejects.toMatchObject(ANOTHER);
  for (const brake of await engaged()) await release(brake);
  await client.getAccount();
  await client.getAccount();
  await processWith('own').client.getAccount();
  expect(await engaged()).toEqual([]);
  own?.wallets.splice(0, 1, { currency: 'USDT', addr: '0xA' });
  await expect(client.getAccount()).resolves.toBeDefined();
});

test('of two processes one has another account’s key: what the right one sees does not make it trusted', async () => {
  await openPayout(store());
  const newest = await paidPayout();
  const [right, wrong] = [processWith('own').client, processWith('other').client];
  await right.getAccount();
  await expect(wrong.getPayout(newest)).rejects.toMatchObject(ANOTHER);
  await right.getAccount();
  await expect(wrong.getPayout(newest)).rejects.toMatchObject(ANOTHER);
  for (const brake of await engaged()) await release(brake);
  await right.getAccount();
  await expect(wrong.getPayout(newest)).rejects.toMatchObject(ANOTHER);
  expect(await engaged()).toHaveLength(1);
  expect((await right.getPayout(newest)).id).toBe(newest);
});

test('another account is seen before the first payer was told an address', async () => {
  const fresh = await openTestStore();
  try {
    await processWith('own', fresh.store).client.getAccount();
    const { client } = processWith('other', fresh.store);
    await expect(client.getAccount()).rejects.toMatchObject(ANOTHER);
    expect(await engaged(fresh.store)).toHaveLength(1);
  } finally {
    await fresh.close();
  }
});

test('many requests that wait for the look share one', async () => {
  await openPayout(store());
  const newest = await paidPayout();
  const { client } = processWith('own');
  await Promise.all(Array.from({ length: 20 }, () => client.getPayout(newest)));
  expect(sentBy('own').filter((request) => request.endsWith('/accounts/show'))).toHaveLength(1);
});

test('a refusal of the look is not the answer to a request that moves money', async () => {
  const { client } = processWith('no such key');
  await expect(client.createPayout(NEW_PAYOUT)).rejects.toMatchObject({
    name: 'QbitPayConnectionError',
    sent: false,
  });
  await expect(client.getPayout('p1')).rejects.toMatchObject({ status: 401 });
  expect(sentBy('no such key')).toEqual(['GET /accounts/show', 'GET /accounts/show']);
});
