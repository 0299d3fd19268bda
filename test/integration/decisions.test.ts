import { randomUUID } from 'node:crypto';
import { openPayout } from '../support/test-store.js';
import {
  store,
  useStore,
  rowsOf,
  read,
  sendUnknown,
  holdUnknown,
  accept,
  FAILED,
  HELD_AS_FAILED,
  PAID,
  settle,
  giveBack,
  decision,
} from '../support/request-store.js';

/** What the store lets those who send, look up and decide do to a request, in whatever order they come. */

useStore();

describe('what a person decides', () => {
  test('is carried out once, however often its answer is lost, and whatever happened since', async () => {
    const { payoutId } = await openPayout(store());
    const [hold, resume] = [decision(payoutId), decision(payoutId)];
    for (let time = 0; time < 2; time += 1) {
      const done = time === 0 ? { ok: true } : { ok: true, isRepetition: true };
      expect(await store().decisions.hold(hold)).toEqual(done);
      expect((await read(payoutId)).status).toBe(time === 0 ? 'held' : 'awaiting_deposit');
      expect(await store().decisions.resume(resume)).toEqual(done);
      expect((await read(payoutId)).status).toBe('awaiting_deposit');
    }
    const operations = await rowsOf('select action from payout_decisions where payout_id = $1', payoutId);
    expect(operations.map(({ action }) => action)).toEqual(['hold', 'resume']);
  });

  test('under one key it is this one, said in any order, and no other', async () => {
    const { payoutId } = await openPayout(store());
    const { decisions } = store();
    const idOf = (content: object, key = 'hold:night-1') => decisions.nameOperation(key, content);
    const hold = async (content: object, key?: string) =>
      decisions.hold({ ...decision(payoutId), operationId: await idOf(content, key) });
    expect(await hold({ reason: 'a', price: '1' })).toEqual({ ok: true });
    expect(await hold({ price: '1', reason: 'a' })).toEqual({ ok: true, isRepetition: true });
    const another = { operationId: await idOf({ reason: 'a', price: '2' }), payoutId };
    const taken = { ok: false, message: 'another decision was made under this key', isKeyTaken: true };
    expect(await decisions.answerEarly(another, 'hold')).toEqual(taken);
    expect(await decisions.hold({ ...decision(payoutId), ...another })).toEqual(taken);
    expect(await hold({}, 'hold:night-2')).toMatchObject({ message: /held already/ });
  });

  test('at once by many who repeat it: once', async () => {
    const { payoutId } = await openPayout(store());
    const hold = decision(payoutId);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => store().decisions.hold(hold)));
    expect(outcomes.filter((outcome) => !('isRepetition' in outcome))).toEqual([{ ok: true }]);
    expect(outcomes.map(({ ok }) => ok)).toEqual(outcomes.map(() => true));
  });

  test('what was refused is decided anew when it is asked for again', async () => {
    const { payoutId } = await openPayout(store());
    const resume = decision(payoutId);
    expect(await store().decisions.resume(resume)).toMatchObject({ ok: false });
    await store().decisions.hold(decision(payoutId));
    expect(await store().decisions.resume(resume)).toEqual({ ok: true });
  });

  test.each([
    ['resend', (payoutId: string) => store().decisions.resend(decision(payoutId), 0)],
    ['close', (payoutId: string) => store().decisions.close(decision(payoutId), 0)],
  ])('%s: not while its sender may be at work', async (_action, operate) => {
    const { payoutId, id } = await holdUnknown();
    await store().requests.whileSending(id, async () => {
      expect(await operate(payoutId)).toEqual(STILL_SENDING);
    });
    expect((await read(payoutId)).status).toBe('held');
    expect(await operate(payoutId)).toEqual({ ok: true });
  });

  test.each([
    ['resend', (payoutId: string) => store().decisions.resend(decision(payoutId), 900)],
    ['close', (payoutId: string) => store().decisions.close(decision(payoutId), 900)],
  ])(
    '%s: not before the wait for an unknown outcome since the last sending is over',
    async (_action, operate) => {
      const { payoutId, id } = await holdUnknown();
      const outcome = await operate(payoutId);
      const earliest = /not before (\S+)$/.exec(outcome.ok ? '' : outcome.message)?.[1] ?? '';
      expect((Date.parse(earliest) - Date.now()) / 1_000).toBeCloseTo(900, -2);
      expect(await store().requests.get(id)).toMatchObject({ state: 'unknown', mayBeResent: false });

      const past = `update provider_requests set last_sent_at = now() - interval '901 seconds' where external_order_id = $1`;
      await rowsOf(past, id.externalOrderId);
      // A sender that wakes up late, and does not know either, begins it anew.
      await store().requests.endUnknown(id, 1);
      expect(await operate(payoutId)).toMatchObject({ ok: false });
      await rowsOf(past, id.externalOrderId);
      expect(await operate(payoutId)).toEqual({ ok: true });
    },
  );

  test('retry: not while another sending of what failed may be at work', async () => {
    const sent = await sendUnknown();
    const { payoutId, id } = sent;
    const providerPayoutId = await accept(sent);
    await settle(payoutId, providerPayoutId, 'failed', HELD_AS_FAILED);
    await giveBack(payoutId, providerPayoutId);
    const retry = { ...decision(payoutId), isCovered: true };
    await store().requests.whileSending(id, async () => {
      expect(await store().decisions.retry(retry)).toEqual(STILL_SENDING);
    });
    expect(await store().decisions.retry(retry)).toEqual({ ok: true });
  });
});

test('all that an attempt took is written off: nothing is awaited, unless it fails once more', async () => {
  const sent = await sendUnknown();
  const { payoutId } = sent;
  const providerPayoutId = await accept(sent);
  const returned = async () =>
    (await rowsOf('select returned_amount from provider_payouts where payout_id = $1', payoutId))[0];
  await settle(payoutId, providerPayoutId, 'failed', FAILED);
  const writeOff = { kind: 'write_off', currency: 'USDT', payoutId, owner: null, reason: 'lost' } as const;
  for (const [amount, all] of [
    ['600', null],
    ['100', '0'],
  ]) {
    const asked = { ...writeOff, amount: amount ?? '', actor: 'tester' };
    expect(await store().ledger.adjustLedger(asked)).toMatchObject({ kind: 'booked' });
    expect(await returned()).toEqual({ returned_amount: all });
  }
  await settle(payoutId, providerPayoutId, 'paid', PAID);
  expect(await returned()).toEqual({ returned_amount: '0' });
  await settle(payoutId, providerPayoutId, 'failed', FAILED);
  expect(await returned()).toEqual({ returned_amount: null });
});

test('the rest of what a paid one took is written off: it is returned, and nothing says that all is back', async () => {
  const sent = await sendUnknown();
  const { payoutId } = sent;
  const providerPayoutId = await accept(sent);
  await settle(payoutId, providerPayoutId, 'paid', PAID);
  const balanceTransactionId = randomUUID();
  const part = { providerPayoutId, balanceTransactionId, currency: 'USDT', net: '650' };
  await store().requests.recordReturn(payoutId, part);
  const writeOff = { kind: 'write_off', currency: 'USDT', payoutId, owner: null, reason: 'lost' } as const;
  await store().ledger.adjustLedger({ ...writeOff, amount: '50', actor: 'tester' });
  const { status, failure } = await read(payoutId);
  expect(status).toBe('returned');
  const words = (await store().payouts.readTimeline(payoutId)).map(({ detail }) => detail);
  expect(words.slice(-2)).toEqual(['50 USDT written off by tester: lost', 'the bank sent it back']);
  expect([...words, failure?.message].join()).not.toContain('all of it');
});

const STILL_SENDING = {
  ok: false,
  message: 'its sender may still be at work: try again in a minute',
};
