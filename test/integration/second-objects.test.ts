import { randomUUID } from 'node:crypto';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { addAmounts } from '../../src/domain/money.js';
import { postShown } from '../../activities/payouts/post-shown.js';
import { observeObject } from '../../activities/provider/provider-list.js';
import type { Payout } from '../../src/qbitpay/schemas.js';
import type { ObservedObject } from '../../src/store/mirror/provider-objects.js';
import { REQUEST_STATE } from '../../src/store/schema.js';
import { endSending } from '../support/end-sending.js';
import { addAvailable, owedBalance, readerOf, SENDER } from '../support/test-store.js';
import type { ProviderPayoutRecord } from '../../src/store/payouts/payout-reading.js';
import {
  store,
  useStore,
  rowsOf,
  read,
  causesOf,
  ASKED,
  holdAbout,
  prepareOrder,
  preparePayout,
  sendUnknown,
  holdUnknown,
  accepted,
  accept,
  PAID,
  FAILED,
  HELD_AS_FAILED,
  settle,
  giveBack,
  orderOf,
  decision,
  type Prepared,
} from '../support/request-store.js';

/** What the store lets those who send, look up and decide do to a request, in whatever order they come. */

useStore();

describe('a second object of one externalOrderId', () => {
  test('while the payout lives: held, and booked once', async () => {
    const sent = await sendUnknown();
    const first = await accept(sent);
    const second = await accept(sent);
    expect(await read(sent.payoutId)).toMatchObject({
      status: 'held',
      holdReason: 'DUPLICATE_AT_PROVIDER',
      providerPayout: { providerPayoutId: first },
    });
    const timeline = await rowsOf('select detail from payout_timeline where payout_id = $1', sent.payoutId);
    expect(timeline.at(-1).detail).toBe(`QbitPay has payout ${second} beside ${first}`);
    expect(await causesOf(sent.payoutId)).toEqual(['allocation', 'payout']);
  });

  test('the same one again changes nothing', async () => {
    const sent = await sendUnknown();
    const providerPayoutId = await accept(sent);
    await accept(sent, { providerPayoutId });
    expect((await read(sent.payoutId)).status).toBe('in_transit');
    expect(await causesOf(sent.payoutId)).toEqual(['allocation', 'payout']);
  });

  test('after the end: flagged, and the end stays', async () => {
    const sent = await sendUnknown();
    await settle(sent.payoutId, await accept(sent), 'paid', PAID);
    await accept(sent);
    expect(await read(sent.payoutId)).toMatchObject({ status: 'paid', flags: ['SURPLUS_AT_PROVIDER'] });
  });

  test('of an order: held', async () => {
    const sent = await sendUnknown(prepareOrder);
    await store().requests.accept(sent.payoutId, orderOf(sent));
    await store().requests.accept(sent.payoutId, orderOf(sent));
    expect(await read(sent.payoutId)).toMatchObject({ status: 'held', holdReason: 'DUPLICATE_AT_PROVIDER' });
  });

  test('of an order after the end: flagged, and the end stays', async () => {
    const sent = await holdUnknown(prepareOrder);
    await store().decisions.close(decision(sent.payoutId), 0);
    const [first, second] = [orderOf(sent), orderOf(sent)];
    await store().requests.accept(sent.payoutId, first);
    await store().requests.accept(sent.payoutId, second);
    expect(await read(sent.payoutId)).toMatchObject({ status: 'failed', flags: ['SURPLUS_AT_PROVIDER'] });
    const timeline = await store().payouts.readTimeline(sent.payoutId);
    const seen = `QbitPay has order ${second.providerOrderId} beside ${first.providerOrderId}`;
    expect(timeline.at(-1)?.detail).toBe(seen);
  });
});

describe('a second object of one externalOrderId, once it is booked that the first one failed', () => {
  async function holdSecond(): Promise<{ payoutId: string; first: string; second: ProviderPayoutRecord }> {
    const sent = await sendUnknown();
    const { payoutId } = sent;
    const first = await accept(sent);
    await settle(payoutId, first, 'failed', HELD_AS_FAILED);
    const second = accepted(sent);
    await store().requests.accept(payoutId, second);
    expect((await read(payoutId)).holdReason).toBe('DUPLICATE_AT_PROVIDER');
    return { payoutId, first, second };
  }

  const adopt = (payoutId: string, object: ProviderPayoutRecord) =>
    store().decisions.adopt(decision(payoutId), { object, alsoDone: [] });

  const fundsOf = async (payoutId: string): Promise<readonly string[]> =>
    (await store().ledger.fundsOf(payoutId)).map(({ amount }) => amount);

  test('adopted before the money of the first one is back: refused, and nothing is left of it', async () => {
    const { payoutId, second: object } = await holdSecond();
    const before = await store().payouts.readTimeline(payoutId);
    const adoption = { object, alsoDone: [randomUUID()] };
    expect(await store().decisions.adopt(decision(payoutId), adoption)).toMatchObject({ ok: false });
    expect((await read(payoutId)).flags).toEqual([]);
    expect(await store().payouts.readTimeline(payoutId)).toEqual(before);
  });

  test('adopted, it is another attempt, with a debit of its own, and whatever is heard of it late', async () => {
    const { payoutId, first, second } = await holdSecond();
    const secondId = second.providerPayoutId;
    expect(await adopt(payoutId, second)).toEqual({
      ok: false,
      message: `the money of ${first}, which failed, has not come back from QbitPay yet`,
    });
    await giveBack(payoutId, first);
    const before = await fundsOf(payoutId);
    expect(await adopt(payoutId, second)).toEqual({ ok: true });
    expect(await read(payoutId)).toMatchObject({
      status: 'in_transit',
      payoutAttempt: 2,
      providerPayout: { providerPayoutId: secondId, externalOrderId: `${payoutId}~2` },
    });
    await store().requests.accept(payoutId, second);
    expect((await read(payoutId)).status).toBe('in_transit');

    const owed = await owedBalance(store(), 'USDT');
    expect(await settle(payoutId, secondId, 'paid', PAID)).toMatchObject({
      status: 'paid',
      isReturnPending: false,
    });
    const taken = ['payout', 'payout_failure', 'return', 'payout'];
    expect(await causesOf(payoutId)).toEqual(['allocation', ...taken, 'release']);
    expect(await fundsOf(payoutId)).toEqual([]);
    expect(addAmounts(await owedBalance(store(), 'USDT'), `-${owed}`)).toBe(addAmounts(...before, '-703.5'));
  });

  test('adopted and failed as well, it can be tried again once its own money is back', async () => {
    const { payoutId, first, second } = await holdSecond();
    const secondId = second.providerPayoutId;
    await giveBack(payoutId, first);
    const before = await fundsOf(payoutId);
    // What a failed one shows as its amount was not taken.
    const failed: ProviderPayoutRecord = { ...second, status: 'failed', recipientAmount: '0', fee: '0' };
    expect(await adopt(payoutId, failed)).toEqual({ ok: true });
    expect(await settle(payoutId, secondId, 'failed', HELD_AS_FAILED)).toMatchObject({
      isReturnPending: true,
    });
    const retry = { ...decision(payoutId), isCovered: true };
    expect(await store().decisions.retry(retry)).toMatchObject({ ok: false });
    await giveBack(payoutId, secondId);
    expect(await fundsOf(payoutId)).toEqual(before);
    expect(await store().decisions.retry(retry)).toEqual({ ok: true });
    expect(await read(payoutId)).toMatchObject({ status: 'paying', payoutAttempt: 3 });
  });

  test('cancelled by QbitPay: the first one stays what failed, and its money is booked once', async () => {
    const { payoutId, first, second } = await holdSecond();
    const own: ProviderPayoutRecord = { ...second, providerPayoutId: first, status: 'failed' };
    expect(await adopt(payoutId, own)).toEqual({ ok: true });
    expect(await read(payoutId)).toMatchObject({ status: 'held', holdReason: 'ATTEMPT_FAILED' });
    await giveBack(payoutId, first);
    expect(await causesOf(payoutId)).toEqual(['allocation', 'payout', 'payout_failure', 'return']);
    const retry = { ...decision(payoutId), isCovered: true };
    expect(await store().decisions.retry(retry)).toEqual({ ok: true });
  });

  test("while the first one was paid after all: what was booked as return pending is the recipient's", async () => {
    const { payoutId, first, second } = await holdSecond();
    const own: ProviderPayoutRecord = { ...second, providerPayoutId: first, status: 'paid' };
    expect(await adopt(payoutId, own)).toEqual({ ok: true });
    expect((await read(payoutId)).status).toBe('paid');
    const reversed = ['payout', 'payout_failure', 'payout_failure_reversed'];
    expect(await causesOf(payoutId)).toEqual(['allocation', ...reversed, 'release']);
  });
});

describe('K30: an attempt before the one that a payout ended with is carried out after all', () => {
  const shown = (externalOrderId: string, id: string, status: Payout['status']): ObservedObject => {
    const said = { id, externalOrderId, amount: '700', fee: '3.5', currency: 'USDT', status };
    const createdAt = '2026-12-01T00:00:00Z';
    return observeObject({ ...said, createdAt, statusText: status, accountEnding: null });
  };

  /** A sync shows these, and posts what is news of payouts that have ended. */
  async function show(...objects: readonly ObservedObject[]): Promise<void> {
    const readAt = await store().mirror.readClock();
    await (await readerOf(store())).recordPage('payout', { objects, readAt });
    for (const news of await store().mirror.listPostable({ isEnded: true, limit: 10 })) {
      await postShown({ store: store() }, news.payoutId);
    }
  }

  async function refuseFirst(): Promise<Prepared & { readonly first: string }> {
    const prepared = await preparePayout();
    await store().requests.claim(prepared.id, SENDER, ASKED);
    await endSending(store(), prepared.id, 1, REQUEST_STATE.REFUSED);
    await holdAbout(prepared, FAILURE_TYPE.PROVIDER_REFUSED, [REQUEST_STATE.REFUSED]);
    return { ...prepared, first: randomUUID() };
  }

  async function failFirst(): Promise<Prepared & { readonly first: string }> {
    const sent = await sendUnknown();
    const first = await accept(sent);
    await settle(sent.payoutId, first, 'failed', HELD_AS_FAILED);
    await giveBack(sent.payoutId, first);
    return { ...sent, first };
  }

  /** The second attempt failed, its money is back, and the payout ended so. */
  async function endFailed({ payoutId, id }: Prepared): Promise<string> {
    expect(await store().decisions.retry({ ...decision(payoutId), isCovered: true })).toEqual({ ok: true });
    const next = { ...id, externalOrderId: `${payoutId}~2` };
    await store().requests.prepare(payoutId, next, 'sending');
    await store().requests.claim(next, SENDER, ASKED);
    const second = await accept({ payoutId, id: next });
    await show(shown(next.externalOrderId, second, 'failed'));
    await settle(payoutId, second, 'failed', FAILED);
    await giveBack(payoutId, second);
    expect(await read(payoutId)).toMatchObject({ status: 'failed', payoutAttempt: 2 });
    return second;
  }

  test.each([
    ['that was refused', refuseFirst],
    ['that had failed', failFirst],
  ])('one %s: the payout is paid by it, and nothing of its money is owed', async (_which, begin) => {
    const begun = await begin();
    await endFailed(begun);
    const owed = await owedBalance(store(), 'USDT');
    await show(shown(begun.payoutId, begun.first, 'paid'));
    expect(await read(begun.payoutId)).toMatchObject({
      ...{ status: 'paid', payoutAttempt: 1, flags: ['REOPENED'] },
      providerPayout: { providerPayoutId: begun.first },
    });
    expect(addAmounts(await owedBalance(store(), 'USDT'), `-${owed}`)).toBe('-703.5');
  });

  test('beside the last one, which is carried out as well: it is one too many', async () => {
    const begun = await refuseFirst();
    const second = await endFailed(begun);
    await show(shown(begun.payoutId, begun.first, 'paid'), shown(`${begun.payoutId}~2`, second, 'paid'));
    expect(await read(begun.payoutId)).toMatchObject({
      ...{ status: 'paid', payoutAttempt: 2, flags: ['SURPLUS_AT_PROVIDER', 'REOPENED'] },
      providerPayout: { providerPayoutId: second },
    });
  });
});

describe('what was taken beyond what the ledger knows of', () => {
  /** A currency that nothing was ever booked in. */
  const newCurrency = (
    (next: number) => () =>
      `X${String((next += 1)).padStart(2, '0')}`
  )(10);
  const DIFFERS = { reason: FAILURE_TYPE.CURRENCY_DIFFERS, detail: 'in another currency' };

  test('in another currency: held for that, booked whole once it is covered', async () => {
    const currency = newCurrency();
    const sent = await sendUnknown();
    const { payoutId } = sent;
    const id = await accept(sent, { currency }, DIFFERS);
    expect(await settle(payoutId, id, 'in_transit', null, currency)).toMatchObject({ status: 'held' });
    expect((await read(payoutId)).holdReason).toBe('CURRENCY_DIFFERS');
    // Not even a paid one ends before it is booked.
    expect(await settle(payoutId, id, 'paid', PAID, currency)).toMatchObject({ status: 'held' });
    expect(await causesOf(payoutId)).toEqual(['allocation']);

    await addAvailable(store(), currency, '703.5');
    expect(await settle(payoutId, id, 'paid', PAID, currency)).toMatchObject({ status: 'paid' });
    expect(await causesOf(payoutId)).toEqual(['allocation', 'payout', 'release']);
    expect((await read(payoutId)).flags).toEqual(['CURRENCY_DIFFERS']);
  });

  test('resumed before it is covered: held again, and booked by a later reading', async () => {
    const currency = newCurrency();
    const sent = await sendUnknown();
    const { payoutId } = sent;
    const id = await accept(sent, { currency });
    expect(await read(payoutId)).toMatchObject({ status: 'held', holdReason: 'DEBIT_EXCEEDS_LEDGER' });
    await store().decisions.resume(decision(payoutId));
    expect((await read(payoutId)).status).toBe('in_transit');
    await settle(payoutId, id, 'in_transit', null, currency);
    expect(await read(payoutId)).toMatchObject({ status: 'held', holdReason: 'DEBIT_EXCEEDS_LEDGER' });
    await addAvailable(store(), currency, '1000');
    await settle(payoutId, id, 'in_transit', null, currency);
    expect(await causesOf(payoutId)).toEqual(['allocation', 'payout']);
  });

  test('and given back before it was ever booked: all that the payout has is owed', async () => {
    const sent = await sendUnknown();
    const { payoutId } = sent;
    const id = await accept(sent, { currency: newCurrency() });
    expect(await settle(payoutId, id, 'failed', FAILED)).toMatchObject({
      status: 'failed',
      isReturnPending: false,
    });
    expect(await causesOf(payoutId)).toEqual(['allocation', 'release']);
    expect(await store().ledger.fundsOf(payoutId)).toEqual([]);
  });

  test('by an order: held, and booked when it is read again', async () => {
    const sent = await sendUnknown(prepareOrder);
    const order = orderOf(sent, { amount: '900000000' });
    await store().requests.accept(sent.payoutId, order);
    expect(await store().requests.recordExecution(sent.payoutId, order)).toBe('held');
    expect((await read(sent.payoutId)).holdReason).toBe('DEBIT_EXCEEDS_LEDGER');
    expect(await causesOf(sent.payoutId)).toEqual(['allocation']);
    await addAvailable(store(), 'USDT', '900000000');
    await store().requests.recordExecution(sent.payoutId, order);
    expect(await causesOf(sent.payoutId)).toEqual(['allocation', 'order']);
  });
});
