import type { PoolClient } from 'pg';
import { untilAnswer } from '../support/until-answer.js';
import {
  ASKED,
  connections,
  prepareOrder,
  preparePayout,
  store,
  useStore,
  WAITING_SESSIONS,
} from '../support/request-store.js';
import { SENDER } from '../support/test-store.js';

/** What a brake stops, and that no sender slips past one. */

useStore();

const engage = (currency: string | null, reason = 'as asked') =>
  store().brakes.engageByHand({ currency, reason, actor: 'tester' });

const release = (brakeId: string, actor = 'tester') =>
  store().brakes.release({ brakeId, reason: 'all is well', actor });

const claim = ({ id }: Awaited<ReturnType<typeof preparePayout>>) =>
  store().requests.claim(id, SENDER, ASKED);

afterEach(async () => {
  for (const { brakeId } of await store().brakes.listBrakes({ engaged: true, limit: 10 }))
    await release(brakeId);
});

test('as long as one is engaged nothing may leave, and its request stays as it was', async () => {
  const prepared = await preparePayout();
  const { brakeId } = await engage(null);
  expect(await claim(prepared)).toBe('braked');
  expect(await store().requests.get(prepared.id)).toMatchObject({ state: 'prepared', sends: 0 });
  await release(brakeId);
  expect(await claim(prepared)).toBe(1);
});

test('one of a currency stops what is paid in it, sold for it and bought with it, and nothing else', async () => {
  const payout = await preparePayout();
  const order = await prepareOrder();
  await engage('EUR');
  const { brakeId } = await engage('CNY');
  // USDT is paid out; USDT is sold for CNY.
  expect(await claim(payout)).toBe(1);
  expect(await claim(order)).toBe('braked');
  await release(brakeId);
  await engage('USDT');
  expect(await claim(order)).toBe('braked');
});

test('of one kind and currency one is engaged at most, and the first release counts', async () => {
  const first = await engage('CNY', 'first');
  expect(await engage('CNY', 'second')).toEqual(first);
  expect((await engage(null)).brakeId).not.toBe(first.brakeId);
  const released = await release(first.brakeId, 'somebody');
  expect(released).toMatchObject({ releasedBy: 'somebody', releaseReason: 'all is well' });
  expect(await release(first.brakeId, 'somebody else')).toEqual(released);
  expect((await engage('CNY')).brakeId).not.toBe(first.brakeId);
  expect(await release('999999')).toBeUndefined();
});

test('the engaged ones are listed first', async () => {
  const old = await engage('CNY');
  await release((await engage('EUR')).brakeId);
  const [first, second] = await store().brakes.listBrakes({ limit: 10 });
  expect([first?.brakeId, second?.currency]).toEqual([old.brakeId, 'EUR']);
  expect(await store().brakes.listBrakes({ engaged: true, limit: 10 })).toHaveLength(1);
});

describe('at the same moment', () => {
  let other: PoolClient;
  beforeEach(async () => {
    other = await connections().connect();
    await other.query('begin');
  });
  afterEach(() => other.release(true));

  const untilWaiting = () =>
    untilAnswer(
      () => connections().query(WAITING_SESSIONS),
      ({ rowCount }) => rowCount === 1,
      'somebody waits',
    );

  test('whoever engages waits for those who are about to send', async () => {
    await other.query('select from brake_gate for share');
    const engaging = engage('CNY');
    await untilWaiting();
    await other.query('commit');
    expect((await engaging).releasedAt).toBeNull();
  });

  test('whoever is about to send waits for one that is being engaged, and is stopped by it', async () => {
    const prepared = await preparePayout();
    await other.query(
      `insert into brakes (kind, detail, engaged_by) values ('MANUAL', 'at the same moment', 'tester')`,
    );
    await other.query('select from brake_gate for update');
    const claiming = claim(prepared);
    await untilWaiting();
    await other.query('commit');
    expect(await claiming).toBe('braked');
  });
});

test('a release tells those who are about to send, also those who have not met the brake yet', async () => {
  const { brakeId } = await engage('USDT');
  const { payoutId } = await preparePayout();
  await release(brakeId);
  const hints = await store().mirror.readHints(100);
  const signals = hints.filter((hint) => hint.payoutId === payoutId).map(({ signal }) => signal);
  expect(signals).toContain('brakeReleased');
});
