import { randomUUID } from 'node:crypto';
import { Client as PostgresClient } from 'pg';
import { openStore, type Store } from '../../src/store/store.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../../src/store/schema.js';
import type { PayoutRequest } from '../../src/domain/payout-request.js';
import { DEFAULT_PAYOUT_POLICY } from '../../src/domain/policy.js';
import { createDatabase, createMigratedDatabase } from '../support/test-database.js';
import { payoutRequest } from '../support/engine-client.js';
import { acceptPayout, openPayout, RUN_ID, runConcurrently, SENDER } from '../support/test-store.js';
import { endSending } from '../support/end-sending.js';

const ASKED = { amount: '1', currency: 'CNY' };

let url: string;
let store: Store;
let sql: PostgresClient;

beforeAll(async () => {
  url = await createMigratedDatabase(newName());
  store = openStore({ url, onIdleError: () => undefined });
  sql = new PostgresClient({ connectionString: url });
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await store.close();
});

function newName(): string {
  return `t${randomUUID().replaceAll('-', '').slice(0, 16)}`;
}

test('fifty payouts of one amount, opened at once, expect fifty different deposits', async () => {
  const opened = await runConcurrently(Array.from({ length: 50 }, () => () => openPayout(store)));
  expect(new Set(opened.map(({ amount }) => amount)).size).toBe(50);
});

test('of many who want to send one request exactly one may', async () => {
  const { payoutId } = await openPayout(store);
  const providerRequest = { operation: REQUEST_OPERATION.ORDER, externalOrderId: payoutId };
  await store.requests.prepare(payoutId, providerRequest, 'selling');
  const claims = await Promise.all(
    Array.from({ length: 20 }, () => store.requests.claim(providerRequest, SENDER, ASKED)),
  );
  expect(claims.filter((sends) => sends !== undefined)).toEqual([1]);
});

test.each([REQUEST_STATE.UNKNOWN, REQUEST_STATE.REFUSED] as const)(
  'a request that is %s is never sent again',
  async (state) => {
    const { payoutId } = await openPayout(store);
    const providerRequest = { operation: REQUEST_OPERATION.ORDER, externalOrderId: payoutId };
    await store.requests.prepare(payoutId, providerRequest, 'selling');
    await store.requests.claim(providerRequest, SENDER, ASKED);
    await endSending(store, providerRequest, 1, state);
    expect(await store.requests.claim(providerRequest, SENDER, ASKED)).toBeUndefined();
  },
);

test('a late answer settles its own sending only', async () => {
  const { payoutId } = await openPayout(store);
  const providerRequest = { operation: REQUEST_OPERATION.ORDER, externalOrderId: payoutId };
  await store.requests.prepare(payoutId, providerRequest, 'selling');
  await store.requests.claim(providerRequest, SENDER, ASKED);
  await endSending(store, providerRequest, 1, REQUEST_STATE.NOT_SENT);
  expect(await store.requests.claim(providerRequest, SENDER, ASKED)).toBe(2);
  expect(await endSending(store, providerRequest, 1, REQUEST_STATE.REFUSED)).toBeUndefined();
  expect((await store.requests.get(providerRequest)).state).toBe(REQUEST_STATE.SENDING);
});

test('the database itself refuses an illegal transition, and any change of the timeline', async () => {
  const { payoutId } = await openPayout(store);
  await expect(
    sql.query(`update payouts set status = 'paid' where payout_id = $1`, [payoutId]),
  ).rejects.toThrow('cannot go from awaiting_deposit to paid');
  await expect(sql.query(`delete from payout_timeline where payout_id = $1`, [payoutId])).rejects.toThrow(
    'append-only',
  );
});

describe('accepting', () => {
  const asked = (request: PayoutRequest) => ({
    request,
    maker: 'test',
    owner: 'default',
    policy: DEFAULT_PAYOUT_POLICY,
  });

  test('of many who ask for the same at once one has created it', async () => {
    const request = payoutRequest();
    const answers = await runConcurrently(
      Array.from({ length: 20 }, () => () => store.payouts.accept(asked(request))),
    );
    expect(answers.toSorted()).toEqual(['created', ...Array<string>(19).fill('known')]);
    expect(await store.payouts.getPayout(request.payoutId)).toMatchObject({
      status: 'opening',
      request,
      maker: 'test',
      owner: 'default',
      policy: DEFAULT_PAYOUT_POLICY,
    });
    expect(await store.payouts.readTimeline(request.payoutId)).toMatchObject([{ detail: 'requested' }]);
  });

  test('lists are of one owner where that is asked for', async () => {
    const { payoutId } = await acceptPayout(store, { owner: 'lists' });
    const { items } = await store.payouts.listPayouts({ limit: 10, owner: 'lists' });
    expect(items).toMatchObject([{ payoutId, owner: 'lists' }]);
    expect(await store.payouts.listPayouts({ limit: 10, owner: 'nobody' })).toMatchObject({ items: [] });
  });

  test('the same id with other content, or of another owner, is a conflict for ever, also after the end', async () => {
    const request = await acceptPayout(store);
    const other = { ...request, amount: '5000.01' };
    expect(await store.payouts.accept(asked(other))).toBe('conflict');
    expect(await store.payouts.accept({ ...asked(request), owner: 'other' })).toBe('conflict');
    expect(await store.payouts.accept(asked({ ...request, amount: '5000', funding: 'deposit' }))).toBe(
      'known',
    );
    await store.payouts.closeFunding({ payoutId: request.payoutId, to: 'rejected', detail: 'by the test' });
    expect(await store.payouts.accept(asked(other))).toBe('conflict');
    expect(await store.payouts.accept(asked(request))).toBe('known');
  });
});

describe('a claim', () => {
  const epochOf = async (payoutId: string): Promise<number> => {
    const { rows } = await sql.query('select epoch from payouts where payout_id = $1', [payoutId]);
    return rows[0].epoch;
  };

  test('of a later run takes the payout from the run before, which does not get it back', async () => {
    const { payoutId } = await openPayout(store);
    for (let repetition = 0; repetition < 2; repetition += 1) {
      expect(await store.payouts.claim(payoutId, RUN_ID)).toMatchObject({ isCarried: true });
      expect(await epochOf(payoutId)).toBe(1);
    }
    expect(await store.payouts.claim(payoutId, 'a later run')).toMatchObject({
      isCarried: true,
      status: 'awaiting_deposit',
      missing: null,
      deposit: { currency: 'USDT', network: 'TRC20' },
      policy: DEFAULT_PAYOUT_POLICY,
    });
    expect(await store.payouts.claim(payoutId, RUN_ID)).toMatchObject({ isCarried: false });
    expect(await epochOf(payoutId)).toBe(2);
  });

  test('shows no run the destination', async () => {
    const { payoutId } = await openPayout(store);
    expect(JSON.stringify(await store.payouts.claim(payoutId, RUN_ID))).not.toContain('Example Trading');
  });

  test('of a payout that has ended is for nobody, except for the run that ended it', async () => {
    const { payoutId } = await openPayout(store);
    await store.payouts.closeFunding({ payoutId, to: 'cancelled', detail: 'by the test' });
    expect(await store.payouts.claim(payoutId, RUN_ID)).toMatchObject({ isCarried: true });
    expect(await store.payouts.claim(payoutId, 'a later run')).toMatchObject({
      isCarried: false,
      status: 'cancelled',
    });
  });

  test('of a payout that was never accepted finds none', async () => {
    expect(await store.payouts.claim('nobody', RUN_ID)).toBeUndefined();
  });

  test('keeps the run before from sending', async () => {
    const { payoutId } = await openPayout(store);
    const order = { operation: REQUEST_OPERATION.ORDER, externalOrderId: payoutId };
    await store.requests.prepare(payoutId, order, 'selling');
    await store.payouts.claim(payoutId, 'a later run');
    expect(await store.requests.claim(order, SENDER, ASKED)).toBe('superseded');
    expect(
      await store.requests.claim(order, { ...SENDER, runId: 'a run that never claimed it' }, ASKED),
    ).toBe('superseded');
    expect(await store.requests.get(order)).toMatchObject({ state: 'prepared', sends: 0 });
    expect(await store.requests.claim(order, { ...SENDER, runId: 'a later run' }, ASKED)).toBe(1);
  });
});

test('a store belongs to the provider it was first used with', async () => {
  await store.claimForProvider('embedded simulator');
  await store.claimForProvider('embedded simulator');
  await expect(store.claimForProvider('https://api.example.com')).rejects.toThrow(
    'the database holds payouts of embedded simulator, not of https://api.example.com',
  );
});

test('a database of another version is refused, naming what to do', async () => {
  const empty = openStore({ url: await createDatabase(newName()), onIdleError: () => undefined });
  await expect(empty.assertMigrated()).rejects.toThrow('run "npm run migrate" first');
  await empty.migrate();
  await empty.assertMigrated();
  expect(await empty.migrate()).toEqual([]);
  await empty.close();
});
