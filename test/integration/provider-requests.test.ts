import { randomUUID } from 'node:crypto';
import type { ProviderRequestId } from '../../src/store/requests/send-guard.js';
import type { Decision } from '../../src/store/controls/decisions.js';
import { REQUEST_OPERATION, REQUEST_STATE, type RequestState } from '../../src/store/schema.js';
import type { Discrepancy } from '../../src/store/payouts/discrepancies.js';
import type { SettlementReading } from '../../src/store/requests/settlements.js';
import { FAILURE_TYPE, type FailureType } from '../../src/domain/failure-type.js';
import { addAmounts } from '../../src/domain/money.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { ProviderPayoutStatus } from '../../src/domain/provider-status.js';
import {
  addAvailable,
  deposit,
  availableBalance,
  openPayout,
  openTestStore,
  readerOf,
  type TestStore,
  SENDER,
} from '../support/test-store.js';
import type {
  OrderRecord,
  PayoutRecord,
  ProviderPayoutRecord,
} from '../../src/store/payouts/payout-reading.js';
import { untilAnswer } from '../support/until-answer.js';

/** What the store lets those who send, look up and decide do to a request, in whatever order they come. */

const ASKED = { amount: '700', currency: 'USDT' };
const HOUR_SECONDS = 3_600;

let testStore: TestStore;
const store = (): TestStore['store'] => testStore.store;

beforeAll(async () => {
  testStore = await openTestStore();
});
afterAll(() => testStore.close());

const rowsOf = async (query: string, ...values: unknown[]) => (await testStore.sql.query(query, values)).rows;
const read = (payoutId: string): Promise<PayoutRecord> => store().payouts.getPayout(payoutId);
const causesOf = async (payoutId: string): Promise<string[]> =>
  (await rowsOf('select cause from ledger_entries where payout_id = $1 order by entry_id', payoutId)).map(
    ({ cause }) => cause,
  );

interface Prepared {
  readonly payoutId: string;
  readonly id: ProviderRequestId;
}

/** Funded in the payout currency, and about to be sent. */
async function preparePayout(): Promise<Prepared> {
  const { payoutId, amount } = await openPayout(
    store(),
    {
      amount: '700',
      currency: 'USDT',
      destination: { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'T-wallet' },
    },
    { baseAmount: '703.5' },
  );
  await deposit(store(), amount);
  const id = { operation: REQUEST_OPERATION.PAYOUT, externalOrderId: payoutId };
  await store().requests.prepare(payoutId, id, 'sending');
  return { payoutId, id };
}

async function prepareOrder(): Promise<Prepared> {
  const { payoutId, amount } = await openPayout(store());
  await deposit(store(), amount);
  const id = { operation: REQUEST_OPERATION.ORDER, externalOrderId: payoutId };
  await store().requests.prepare(payoutId, id, 'selling');
  return { payoutId, id };
}

/** Sent, and nobody knows what became of it. */
async function sendUnknown(prepare: () => Promise<Prepared> = preparePayout): Promise<Prepared> {
  const prepared = await prepare();
  expect(await store().requests.claim(prepared.id, SENDER, ASKED)).toBe(1);
  await store().requests.endUnknown(prepared.id, 1);
  return prepared;
}

async function resend({ id }: Prepared): Promise<void> {
  expect(await store().requests.authoriseResend(id, 1, 'tester')).toBe(true);
  expect(await store().requests.claim(id, SENDER, ASKED)).toBe(2);
}

const holdAbout = (
  { payoutId, id }: Prepared,
  reason: FailureType,
  states: readonly RequestState[],
  sends?: number,
): Promise<void> =>
  store().payouts.holdPayout(payoutId, {
    reason,
    detail: 'a test holds it',
    about: { id, states, ...(sends === undefined ? {} : { sends }) },
  });

async function holdUnknown(prepare?: () => Promise<Prepared>): Promise<Prepared> {
  const sent = await sendUnknown(prepare);
  await holdAbout(sent, FAILURE_TYPE.UNKNOWN_OUTCOME, [REQUEST_STATE.UNKNOWN], 1);
  expect(await read(sent.payoutId)).toMatchObject({ status: 'held', holdReason: 'UNKNOWN_OUTCOME' });
  return sent;
}

const accepted = ({ id }: Prepared, changes: Partial<ProviderPayoutRecord> = {}): ProviderPayoutRecord => ({
  externalOrderId: id.externalOrderId,
  providerPayoutId: randomUUID(),
  currency: 'USDT',
  postAmount: '700',
  recipientAmount: '700',
  fee: '3.5',
  status: 'pending',
  ...changes,
});

/** QbitPay has it; answers with its id there. */
async function accept(
  sent: Prepared,
  changes: Partial<ProviderPayoutRecord> = {},
  discrepancy?: Discrepancy,
): Promise<string> {
  const payout = accepted(sent, changes);
  await store().requests.accept(sent.payoutId, payout, discrepancy);
  return payout.providerPayoutId;
}

const PAID = { status: PAYOUT_STATUS.PAID, detail: 'settled' };
const FAILURE = { type: FAILURE_TYPE.PAYOUT_FAILED, message: 'failed' };
const FAILED = { status: PAYOUT_STATUS.FAILED, detail: 'failed', failure: FAILURE };
const HELD_AS_FAILED = {
  status: PAYOUT_STATUS.HELD,
  detail: 'failed',
  holdReason: FAILURE_TYPE.ATTEMPT_FAILED,
};

const settle = async (
  payoutId: string,
  providerPayoutId: string,
  status: ProviderPayoutStatus,
  outcome: SettlementReading['outcome'],
  currency = 'USDT',
) => {
  await store().requests.recordSettlement(payoutId, {
    providerPayoutId,
    currency,
    recipientAmount: '700',
    fee: '3.5',
    status,
    outcome,
  });
  return store().payouts.readPayoutState(payoutId);
};

/** All that an attempt took is there again. */
const giveBack = (payoutId: string, providerPayoutId: string) =>
  store().requests.recordReturn(payoutId, {
    providerPayoutId,
    balanceTransactionId: randomUUID(),
    net: '703.5',
  });

const orderOf = ({ id }: Prepared, changes: Partial<OrderRecord> = {}): OrderRecord => ({
  externalOrderId: id.externalOrderId,
  providerOrderId: randomUUID(),
  symbol: 'USDT/CNY',
  amount: '700',
  price: '6.97',
  quoteAmount: '4879',
  fee: '0',
  status: 'filled',
  ...changes,
});

const decision = (payoutId: string): Decision => ({
  operationId: randomUUID(),
  payoutId,
  actor: 'tester',
  reason: 'as agreed',
});

describe('the answer to a sending', () => {
  test.each([REQUEST_STATE.REFUSED, REQUEST_STATE.NOT_SENT, REQUEST_STATE.RETRY_LATER])(
    '%s: what it was, or unknown still where it had been sent before',
    async (state) => {
      const { id } = await sendUnknown();
      expect(await store().requests.settle(id, 1, state)).toBe(state);

      const again = await sendUnknown();
      await resend(again);
      expect(await store().requests.settle(again.id, 2, state)).toBe(REQUEST_STATE.UNKNOWN);
      expect(await store().requests.claim(again.id, SENDER, ASKED)).toBeUndefined();
    },
  );

  test('accepted is accepted, whichever sending it was found for: a later one is over with it', async () => {
    const sent = await sendUnknown();
    const { payoutId, id } = sent;
    await resend(sent);
    const providerPayoutId = await accept(sent);
    expect(await store().requests.get(id)).toMatchObject({ state: 'accepted', sends: 2 });
    // What its own sender says late changes nothing of that.
    expect(await store().requests.settle(id, 2, REQUEST_STATE.REFUSED)).toBeUndefined();
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
    expect(await store().requests.settle(sent.id, 1, REQUEST_STATE.REFUSED)).toBeUndefined();
    expect(await store().requests.get(sent.id)).toMatchObject({ state: 'sending', sends: 2 });
    await store().requests.endUnknown(sent.id, 1);
    expect(await store().requests.get(sent.id)).toMatchObject({ state: 'sending', sends: 2 });
  });

  test('when the sender itself does not know: the wait for an unknown outcome begins anew, and no permission holds', async () => {
    const sent = await sendUnknown();
    const { id } = sent;
    await letTimePass(id);
    const wanted = { sends: 1, unknownOutcomeWaitSeconds: HOUR_SECONDS, absenceChecks: 1 };
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
async function checkAbsence(id: ProviderRequestId): Promise<number> {
  const { mirror, requests } = store();
  const reader = await readerOf(store());
  await reader.noteAbsenceChecks('payout', await mirror.readClock());
  return (await requests.get(id)).absenceChecks;
}

/** As if it had left two hours ago. */
async function letTimePass({ externalOrderId }: ProviderRequestId): Promise<void> {
  await rowsOf(
    `update provider_requests set last_sent_at = last_sent_at - interval '2 hours' where external_order_id = $1`,
    externalOrderId,
  );
}

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
      else await store().requests.settle(sent.id, 1, state);
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
    await store().requests.settle(id, 1, REQUEST_STATE.REFUSED);
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
    await store().requests.settle(id, 1, REQUEST_STATE.REFUSED);
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
    const rejection = { type: FAILURE_TYPE.PROVIDER_REFUSED, message: 'no' };
    await store().requests.settle(prepared.id, 1, REQUEST_STATE.REFUSED, rejection);
    await holdAbout(prepared, FAILURE_TYPE.PROVIDER_REFUSED, [REQUEST_STATE.REFUSED]);
    expect(await store().decisions.retry({ ...decision(prepared.payoutId), isCovered: true })).toEqual({
      ok: true,
    });
    return prepared;
  }

  test('is not entered, not sent and not held any more by whoever was frozen since', async () => {
    const stale = await retryRefused();
    const { payoutId, id } = stale;
    expect(await store().requests.prepare(payoutId, id, 'sending')).toBe(false);
    // Even if its provider request let it.
    await rowsOf(
      `update provider_requests set state = 'not_sent' where external_order_id = $1`,
      id.externalOrderId,
    );
    expect(await store().requests.claim(id, SENDER, ASKED)).toBeUndefined();
    await holdAbout(stale, FAILURE_TYPE.SHORT_AFTER_ORDER, [REQUEST_STATE.NOT_SENT]);
    expect((await read(payoutId)).status).toBe('paying');
    const next = { ...id, externalOrderId: `${payoutId}~2` };
    expect(await store().requests.prepare(payoutId, next, 'sending')).toBe(true);
    expect(await store().requests.claim(next, SENDER, ASKED)).toBe(1);
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

    const available = await availableBalance(store(), 'USDT');
    expect(await settle(payoutId, secondId, 'paid', PAID)).toMatchObject({
      status: 'paid',
      isReturnPending: false,
    });
    const taken = ['payout', 'payout_failure', 'return', 'payout'];
    expect(await causesOf(payoutId)).toEqual(['allocation', ...taken, 'release']);
    expect(await fundsOf(payoutId)).toEqual([]);
    expect(addAmounts(await availableBalance(store(), 'USDT'), `-${available}`)).toBe(
      addAmounts(...before, '-703.5'),
    );
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

test("a payout's state is of one moment, whatever is written while it is read", async () => {
  const sent = await sendUnknown();
  const { payoutId } = sent;
  const id = await accept(sent);
  await settle(payoutId, id, 'in_transit', null);
  const other = await testStore.sql.connect();
  await other.query('begin');
  await other.query('lock table provider_payouts in access exclusive mode');
  const reading = store().payouts.readPayoutState(payoutId);
  await untilAnswer(
    () => testStore.sql.query('select 1 from pg_locks where not granted'),
    ({ rowCount }) => rowCount === 1,
    'the reading behind the lock',
  );
  const change = 'update provider_payouts set provider_payout_id = $1 where provider_payout_id = $2';
  await other.query(change, [randomUUID(), id]);
  await other.query('commit');
  other.release();
  expect(await reading).toMatchObject({ status: 'in_transit', providerPayoutId: id });
});

test('what QbitPay accepts after a person closed the payout: flagged, and the ledger has it', async () => {
  const sent = await holdUnknown();
  expect(await store().decisions.close(decision(sent.payoutId), 0)).toEqual({ ok: true });
  await addAvailable(store(), 'USDT', '1000');
  await accept(sent);
  expect(await read(sent.payoutId)).toMatchObject({ status: 'failed', flags: ['SURPLUS_AT_PROVIDER'] });
  expect(await causesOf(sent.payoutId)).toEqual(['allocation', 'release', 'payout']);
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

  test('and given back before it was ever booked: all that the payout has is available', async () => {
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

const STILL_SENDING = {
  ok: false,
  message: 'its sender may still be at work: try again in a minute',
};
