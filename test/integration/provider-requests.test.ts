import { randomUUID } from 'node:crypto';
import { REQUEST_STATE } from '../../src/store/schema.js';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { addAvailable, SENDER } from '../support/test-store.js';
import { untilAnswer } from '../support/until-answer.js';
import {
  ASKED,
  HOUR_SECONDS,
  store,
  connections,
  useStore,
  rowsOf,
  read,
  causesOf,
  type Prepared,
  preparePayout,
  prepareOrder,
  sendUnknown,
  resend,
  holdAbout,
  holdUnknown,
  accept,
  PAID,
  FAILED,
  HELD_AS_FAILED,
  settle,
  giveBack,
  orderOf,
  decision,
  checkAbsence,
  letTimePass,
  WAITING_SESSIONS,
} from '../support/request-store.js';
import { endSending } from '../support/end-sending.js';

/** What the store lets those who send, look up and decide do to a request, in whatever order they come. */

useStore();

describe('the answer to a sending', () => {
  test('nothing left: it may leave again, unless it had been sent before', async () => {
    const { id } = await sendUnknown();
    expect(await store().requests.endNotSent(id, 1)).toBe(REQUEST_STATE.NOT_SENT);

    const again = await sendUnknown();
    await resend(again);
    expect(await store().requests.endNotSent(again.id, 2)).toBe(REQUEST_STATE.UNKNOWN);
    expect(await store().requests.claim(again.id, SENDER, ASKED)).toBeUndefined();
  });

  test.each([REQUEST_STATE.REFUSED, REQUEST_STATE.RETRY_LATER])(
    '%s: unknown until that is borne out, and never sent again before',
    async (state) => {
      const { id } = await sendUnknown();
      const refusal = { state, type: FAILURE_TYPE.PROVIDER_REFUSED, message: 'no', retryAfterMs: 0 } as const;
      expect(await store().requests.endUnknown(id, 1, refusal)).toBe(REQUEST_STATE.UNKNOWN);
      expect(await store().requests.claim(id, SENDER, ASKED)).toBeUndefined();
      expect(await store().requests.get(id)).toMatchObject({
        provisionalState: state,
        rejection: { type: 'PROVIDER_REFUSED' },
      });
      expect(await store().requests.confirmRefusal(id, 1)).toBe(true);
      expect(await store().requests.get(id)).toMatchObject({ state, provisionalState: null });
      expect(await store().requests.confirmRefusal(id, 1)).toBe(false);
    },
  );

  test('accepted is accepted, whichever sending it was found for: a later one is over with it', async () => {
    const sent = await sendUnknown();
    const { payoutId, id } = sent;
    await resend(sent);
    const providerPayoutId = await accept(sent);
    expect(await store().requests.get(id)).toMatchObject({ state: 'accepted', sends: 2 });
    // What its own sender says late changes nothing of that.
    expect(await endSending(store(), id, 2, REQUEST_STATE.REFUSED)).toBeUndefined();
    await store().requests.endUnknown(id, 2);
    await settle(payoutId, providerPayoutId, 'failed', HELD_AS_FAILED);
    await giveBack(payoutId, providerPayoutId);
    const retry = { ...decision(payoutId), isCovered: true };
    expect(await store().decisions.retry(retry)).toEqual({ ok: true });
  });

  test('accepted is accepted of an order too: one that then ends unfilled is made anew', async () => {
    const sent = await sendUnknown(prepareOrder);
    const { payoutId, id } = sent;
    await resend(sent);
    const order = orderOf(sent, { status: 'cancelled', quoteAmount: '0' });
    await store().requests.accept(payoutId, order);
    expect(await store().requests.get(id)).toMatchObject({ state: 'accepted', sends: 2 });
    await store().requests.recordExecution(payoutId, order);
    await holdAbout(sent, FAILURE_TYPE.ORDER_NOT_FILLED, [REQUEST_STATE.ACCEPTED]);
    const retry = { ...decision(payoutId), isCovered: true };
    expect(await store().decisions.retry(retry)).toEqual({ ok: true });
  });

  test('of an earlier sending says nothing of a later one', async () => {
    const sent = await sendUnknown();
    await resend(sent);
    expect(await endSending(store(), sent.id, 1, REQUEST_STATE.REFUSED)).toBeUndefined();
    expect(await store().requests.get(sent.id)).toMatchObject({ state: 'sending', sends: 2 });
    await store().requests.endUnknown(sent.id, 1);
    expect(await store().requests.get(sent.id)).toMatchObject({ state: 'sending', sends: 2 });
  });

  test('when the sender itself does not know: the wait for an unknown outcome begins anew, and no permission holds', async () => {
    const sent = await sendUnknown();
    const { id } = sent;
    await letTimePass(id);
    const wanted = { sends: 1, waitSeconds: HOUR_SECONDS, absenceChecks: 1 };
    await store().requests.wantAbsence(id, wanted);
    expect(await checkAbsence(id)).toBe(1);
    expect(await store().requests.authoriseResend(id, 1, 'engine', 1)).toBe(true);
    expect((await store().requests.get(id)).mayBeResent).toBe(true);

    await store().requests.endUnknown(id, 1);
    const { sentAgoMs, ...providerRequest } = await store().requests.get(id);
    expect(providerRequest).toMatchObject({ state: 'unknown', absenceChecks: 0, mayBeResent: false });
    expect(sentAgoMs).toBeLessThan(HOUR_SECONDS * 1_000);
    // A look for the outcome that began before counts for nothing, and allows nothing.
    expect(await checkAbsence(id)).toBe(0);
    // Nor does one that begins before the wait is over.
    await store().requests.wantAbsence(id, wanted);
    expect(await checkAbsence(id)).toBe(0);
    expect(await store().requests.authoriseResend(id, 1, 'engine', 1)).toBe(false);
    expect(await store().requests.claim(id, SENDER, ASKED)).toBeUndefined();
  });
});

/** A sync reads all of the list, without it; answers how many such readings count. */

describe('a hold', () => {
  test.each([
    [REQUEST_STATE.ACCEPTED, 'in_transit'],
    [REQUEST_STATE.REFUSED, 'paying'],
    [REQUEST_STATE.UNKNOWN, 'held'],
  ] as const)(
    'that was decided on an unknown outcome, with the request %s by now: %s',
    async (state, status) => {
      const sent = await sendUnknown();
      if (state === REQUEST_STATE.ACCEPTED) await accept(sent);
      else await endSending(store(), sent.id, 1, state);
      await holdAbout(sent, FAILURE_TYPE.UNKNOWN_OUTCOME, [REQUEST_STATE.UNKNOWN], 1);
      expect((await read(sent.payoutId)).status).toBe(status);
    },
  );

  test('that was decided on the sending before says nothing of this one', async () => {
    const sent = await sendUnknown();
    await resend(sent);
    await store().requests.endUnknown(sent.id, 2);
    await holdAbout(sent, FAILURE_TYPE.UNKNOWN_OUTCOME, [REQUEST_STATE.UNKNOWN], 1);
    expect((await read(sent.payoutId)).status).toBe('paying');
  });

  test('for an outcome that nobody knew ends when it is known, and no other one does', async () => {
    const { payoutId, id } = await holdUnknown();
    await store().payouts.releaseKnown(payoutId, id);
    expect((await read(payoutId)).status).toBe('held');
    await endSending(store(), id, 1, REQUEST_STATE.REFUSED);
    await store().payouts.releaseKnown(payoutId, id);
    expect(await read(payoutId)).toMatchObject({ status: 'paying', holdReason: null });

    expect(await store().decisions.hold(decision(payoutId))).toEqual({ ok: true });
    await store().payouts.releaseKnown(payoutId, id);
    expect(await read(payoutId)).toMatchObject({ status: 'held', holdReason: 'HELD_BY_OPERATOR' });
  });

  test('by a person stays that, whatever its step comes to meanwhile, until a person takes it on', async () => {
    const sent = await sendUnknown();
    const { payoutId, id } = sent;
    await store().decisions.hold(decision(payoutId));
    for (let reading = 0; reading < 2; reading += 1) {
      await holdAbout(sent, FAILURE_TYPE.UNKNOWN_OUTCOME, [REQUEST_STATE.UNKNOWN], 1);
    }
    await endSending(store(), id, 1, REQUEST_STATE.REFUSED);
    await store().payouts.releaseKnown(payoutId, id);
    expect(await read(payoutId)).toMatchObject({ status: 'held', holdReason: 'HELD_BY_OPERATOR' });
    const seen = await rowsOf('select detail from payout_timeline where payout_id = $1', payoutId);
    expect(seen.filter(({ detail }) => detail === 'a test holds it')).toHaveLength(1);

    expect(await store().decisions.resume(decision(payoutId))).toEqual({ ok: true });
    expect((await read(payoutId)).status).toBe('paying');
    await holdAbout(sent, FAILURE_TYPE.PROVIDER_REFUSED, [REQUEST_STATE.REFUSED]);
    expect(await read(payoutId)).toMatchObject({ status: 'held', holdReason: 'PROVIDER_REFUSED' });
  });

  test('for an outcome that nobody knew ends with the answer of its sender', async () => {
    const payout = await holdUnknown();
    await accept(payout);
    expect(await read(payout.payoutId)).toMatchObject({ status: 'in_transit', holdReason: null });

    const order = await holdUnknown(prepareOrder);
    await store().requests.accept(order.payoutId, orderOf(order));
    expect(await read(order.payoutId)).toMatchObject({ status: 'converting', holdReason: null });
  });
});

describe('an attempt that is over', () => {
  /** The first one was refused; the second one may be sent. */
  async function retryRefused(): Promise<Prepared> {
    const prepared = await preparePayout();
    await store().requests.claim(prepared.id, SENDER, ASKED);
    await endSending(store(), prepared.id, 1, REQUEST_STATE.REFUSED);
    await holdAbout(prepared, FAILURE_TYPE.PROVIDER_REFUSED, [REQUEST_STATE.REFUSED]);
    expect(await store().decisions.retry({ ...decision(prepared.payoutId), isCovered: true })).toEqual({
      ok: true,
    });
    return prepared;
  }

  test('is not entered, not sent and not held any more by whoever was frozen since', async () => {
    const stale = await retryRefused();
    const { payoutId, id } = stale;
    expect(await store().requests.prepare(payoutId, id, 'sending')).toBeUndefined();
    // Even if its provider request let it.
    await rowsOf(
      `update provider_requests set state = 'not_sent' where external_order_id = $1`,
      id.externalOrderId,
    );
    expect(await store().requests.claim(id, SENDER, ASKED)).toBeUndefined();
    await holdAbout(stale, FAILURE_TYPE.SHORT_AFTER_ORDER, [REQUEST_STATE.NOT_SENT]);
    expect((await read(payoutId)).status).toBe('paying');
    const next = { ...id, externalOrderId: `${payoutId}~2` };
    expect(await store().requests.prepare(payoutId, next, 'sending')).toMatchObject({ state: 'prepared' });
    expect(await store().requests.claim(next, SENDER, ASKED)).toBe(1);
  });

  test('does not make the one after it overdue, which has times of its own', async () => {
    const sent = await sendUnknown();
    const { payoutId, id } = sent;
    const first = await accept(sent);
    await settle(payoutId, first, 'failed', HELD_AS_FAILED);
    await giveBack(payoutId, first);
    await store().decisions.retry({ ...decision(payoutId), isCovered: true });
    const next = { payoutId, id: { ...id, externalOrderId: `${payoutId}~2` } };
    await store().requests.prepare(payoutId, next.id, 'sending');
    const second = await accept(next);
    const letPass = (providerPayoutId: string) =>
      rowsOf(
        `update provider_payouts set recorded_at = recorded_at - interval '99 days' where provider_payout_id = $1`,
        providerPayoutId,
      );
    await letPass(first);
    await store().payouts.noteOverdue();
    expect(await read(payoutId)).toMatchObject({ status: 'in_transit', holdReason: null });
    await letPass(second);
    await store().payouts.noteOverdue();
    expect(await read(payoutId)).toMatchObject({ holdReason: 'SETTLEMENT_OVERDUE' });
  });

  test('says nothing of the one after it, whatever is read of it late', async () => {
    const sent = await sendUnknown();
    const { payoutId } = sent;
    const first = await accept(sent);
    await settle(payoutId, first, 'failed', HELD_AS_FAILED);
    await giveBack(payoutId, first);
    expect(await store().decisions.retry({ ...decision(payoutId), isCovered: true })).toEqual({
      ok: true,
    });
    for (const [word, outcome] of [
      ['paid', PAID],
      ['failed', FAILED],
      ['unknown', { ...HELD_AS_FAILED, holdReason: FAILURE_TYPE.STATUS_NOT_KNOWN }],
    ] as const) {
      expect(await settle(payoutId, first, word, outcome)).toMatchObject({ status: 'paying' });
    }
    expect(await causesOf(payoutId)).toEqual(['allocation', 'payout', 'payout_failure', 'return']);
  });
});

test("a payout's state is of one moment, whatever is written while it is read", async () => {
  const sent = await sendUnknown();
  const { payoutId } = sent;
  const id = await accept(sent);
  await settle(payoutId, id, 'in_transit', null);
  const other = await connections().connect();
  await other.query('begin');
  await other.query('lock table provider_payouts in access exclusive mode');
  const reading = store().payouts.readPayoutState(payoutId);
  await untilAnswer(
    () => connections().query(WAITING_SESSIONS),
    ({ rowCount }) => rowCount === 1,
    'the reading behind the lock',
  );
  const later = randomUUID();
  const change = 'update provider_payouts set provider_payout_id = $1 where provider_payout_id = $2';
  await other.query(change, [later, id]);
  await other.query("update payouts set hold_reason = 'SETTLEMENT_OVERDUE' where payout_id = $1", [payoutId]);
  await other.query('commit');
  other.release();
  expect(await reading).toMatchObject({ holdReason: 'SETTLEMENT_OVERDUE', providerPayoutId: later });
});

test('what QbitPay accepts after a person closed the payout: in transit again, flagged, with the money that it had left', async () => {
  const sent = await holdUnknown();
  expect(await store().decisions.close(decision(sent.payoutId), 0)).toEqual({ ok: true });
  await addAvailable(store(), 'USDT', '1000');
  await accept(sent);
  expect(await read(sent.payoutId)).toMatchObject({ status: 'in_transit', flags: ['REOPENED'] });
  expect(await causesOf(sent.payoutId)).toEqual(['allocation', 'release', 'reclaim', 'payout']);
});
