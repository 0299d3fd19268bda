import { randomUUID } from 'node:crypto';
import { postShown } from '../../activities/payouts/post-shown.js';
import { judgeAnswer } from '../../activities/payouts/provider-answer.js';
import { findAtProvider } from '../../activities/provider/at-provider.js';
import type { Payout } from '../../src/qbitpay/schemas.js';
import type { ObservedObject } from '../../src/store/mirror/provider-objects.js';
import {
  accept,
  accepted,
  ASKED,
  checkAbsence,
  decision,
  giveBack,
  HELD_AS_FAILED,
  holdAbout,
  holdUnknown,
  HOUR_SECONDS,
  letTimePass,
  preparePayout,
  read,
  sendUnknown,
  settle,
  store,
  useStore,
  type Prepared,
} from '../support/request-store.js';
import { readerOf, SENDER } from '../support/test-store.js';

/** QbitPay's objects under other ids than they were given: whose each is, and what they are to other requests. */

useStore();

function objectOf(externalOrderId: string | null, changes: Partial<Payout> = {}): ObservedObject {
  const providerId = `po-${randomUUID()}`;
  const content = {
    ...{ id: providerId, currency: 'USDT', amount: '700', fee: '3.5' },
    ...{ status: 'in_transit', statusText: 'inTransit', ...changes },
    ...(externalOrderId === null ? {} : { externalOrderId }),
  };
  return {
    ...{ kind: 'payout', providerId, externalOrderId, source: null, type: null },
    ...{ status: content.status, currency: content.currency, amount: content.amount },
    ...{ content, problem: null, isOpen: true },
  };
}

async function show(object: ObservedObject): Promise<string> {
  const readAt = await store().mirror.readClock();
  await (await readerOf(store())).recordPage('payout', { objects: [object], readAt });
  return object.providerId;
}

/** The same one, later. */
async function showAs(object: ObservedObject, status: string): Promise<void> {
  await show({ ...object, status, content: { ...object.content, status, statusText: status } });
}

const altered = ({ id }: Prepared): string => id.externalOrderId.toUpperCase().slice(0, 20);

/** Accepted under an altered id. */
async function acceptAltered(
  externalOrderId?: string,
): Promise<Prepared & { readonly object: ObservedObject }> {
  const sent = await sendUnknown();
  const object = objectOf(externalOrderId ?? altered(sent));
  await accept(sent, { providerPayoutId: object.providerId });
  await show(object);
  return { ...sent, object };
}

const atProvider = async ({ payoutId, id }: Prepared) => {
  const { found, candidates } = await findAtProvider({ store: store() }, payoutId, id);
  return { found: found.map((one) => one.id), candidates };
};

async function releaseBrakes(): Promise<void> {
  for (const { brakeId } of await store().brakes.listBrakes({ engaged: true, limit: 10 })) {
    await store().brakes.release({ brakeId, reason: 'seen', actor: 'tester' });
  }
}

afterEach(releaseBrakes);

describe('what was accepted under an altered id', () => {
  test('is what QbitPay has of its request, and of no other one', async () => {
    const other = await sendUnknown();
    const { object, ...sent } = await acceptAltered(other.id.externalOrderId);
    expect(await atProvider(sent)).toEqual({ found: [object.providerId], candidates: [] });
    expect(await atProvider(other)).toEqual({ found: [], candidates: [] });
  });

  test('keeps no other request from being sent, or proven absent, whose id it carries', async () => {
    const other = await preparePayout();
    await acceptAltered(other.id.externalOrderId);
    expect(await store().requests.claim(other.id, SENDER, ASKED)).toBe(1);
    await store().requests.endUnknown(other.id, 1);
    await letTimePass(other.id);
    await store().requests.wantAbsence(other.id, { sends: 1, waitSeconds: HOUR_SECONDS, absenceChecks: 1 });
    expect(await checkAbsence(other.id)).toBe(1);
  });

  /** It failed, and another attempt is about to be sent. */
  async function retryFailed() {
    const { object, payoutId } = await acceptAltered();
    await showAs(object, 'failed');
    await settle(payoutId, object.providerId, 'failed', HELD_AS_FAILED);
    await giveBack(payoutId, object.providerId);
    expect(await store().decisions.retry({ ...decision(payoutId), isCovered: true })).toEqual({ ok: true });
    const id = { operation: 'payout', externalOrderId: `${payoutId}~2` } as const;
    await store().requests.prepare(payoutId, id, 'sending');
    return { object, payoutId, id };
  }

  test('and lives after all beside the attempt after it: held', async () => {
    const { object, ...next } = await retryFailed();
    expect(await store().requests.claim(next.id, SENDER, ASKED)).toBe(1);
    await accept(next);
    await showAs(object, 'paid');
    await postShown({ store: store() }, next.payoutId);
    expect(await read(next.payoutId)).toMatchObject({ status: 'held', holdReason: 'DUPLICATE_AT_PROVIDER' });
  });

  test.each(['pending', 'in_transit', 'paid'] as const)(
    'and is %s after all: another attempt is neither sent nor made, and its money is not freed',
    async (status) => {
      const { object, payoutId, id } = await retryFailed();
      await showAs(object, status);
      const message = expect.stringContaining(`QbitPay has ${object.providerId} as ${status}: `);
      expect(await store().requests.claim(id, SENDER, ASKED)).toEqual({ ok: false, message });
      await store().payouts.holdPayout(payoutId, { reason: 'ATTEMPT_FAILED', detail: 'a test holds it' });
      const retry = { ...decision(payoutId), isCovered: true };
      expect(await store().decisions.retry(retry)).toEqual({ ok: false, message });
      const cancel = { payoutId, to: 'cancelled', detail: 'a test cancels it' } as const;
      expect(await store().payouts.closeFunding(cancel)).toEqual({ ok: false, message });
      await store().payouts.holdPayout(payoutId, { reason: 'UNKNOWN_OUTCOME', detail: 'a test holds it' });
      expect(await store().decisions.resend(decision(payoutId), 0)).toEqual({ ok: false, message });
      expect(await store().decisions.close(decision(payoutId), 0)).toEqual({ ok: false, message });
    },
  );

  test('and lives after all, and fails again, beside one that was never sent: adopted, it can be tried again', async () => {
    const { object, payoutId, id } = await retryFailed();
    await store().payouts.holdPayout(payoutId, {
      reason: 'DUPLICATE_AT_PROVIDER',
      detail: 'a test holds it',
    });
    const own = accepted({ payoutId, id: { ...id, externalOrderId: payoutId } }, { status: 'failed' });
    const adoption = { object: { ...own, providerPayoutId: object.providerId }, alsoDone: [] };
    expect(await store().decisions.adopt(decision(payoutId), adoption)).toEqual({ ok: true });
    expect(await read(payoutId)).toMatchObject({
      ...{ status: 'held', holdReason: 'ATTEMPT_FAILED', payoutAttempt: 1 },
      providerPayout: { providerPayoutId: object.providerId },
    });
    expect(await store().decisions.retry({ ...decision(payoutId), isCovered: true })).toEqual({ ok: true });
    expect((await read(payoutId)).payoutAttempt).toBe(3);
  });

  test('is not posted for the payout whose id it carries', async () => {
    const other = await sendUnknown();
    await accept(other);
    const { object, payoutId } = await acceptAltered(other.id.externalOrderId);
    await showAs(object, 'paid');
    const news = await store().mirror.listPostable({ isEnded: false, limit: 100 });
    expect(news.map((one) => one.payoutId)).toContain(payoutId);
    expect(news.map((one) => one.payoutId)).not.toContain(other.payoutId);
    expect(await store().mirror.findUnread(other.payoutId)).toEqual([]);
  });
});

describe('an answer', () => {
  const judge = ({ id }: Prepared, { content }: ObservedObject) =>
    judgeAnswer({ store: store() }, id, { answer: content as Payout, asked: ASKED, sends: 1 });

  test('that carries the id of its request is not that one where it was accepted as another one', async () => {
    const sent = await sendUnknown();
    const { object } = await acceptAltered(sent.id.externalOrderId);
    expect(await judge(sent, object)).toBe('contradicts');
    expect(await judge(sent, objectOf(sent.id.externalOrderId))).toBe('ours');
  });

  test('names nothing to adopt while it may be of the request whose id it carries', async () => {
    const [sent, other] = [await sendUnknown(), await sendUnknown()];
    const object = objectOf(other.id.externalOrderId);
    await judge(sent, object);
    expect(await store().requests.isNamedInAnswer(sent.id, object.providerId)).toBe(false);
    await accept(other);
    expect(await store().requests.isNamedInAnswer(sent.id, object.providerId)).toBe(true);
  });

  test('that is of another request can be disowned, so that the payout goes on', async () => {
    const sent = await holdUnknown();
    const { object } = await acceptAltered();
    expect(await store().decisions.disown(decision(sent.payoutId), object.providerId)).toEqual({ ok: true });
    expect((await read(sent.payoutId)).status).toBe('paying');
  });
});

describe("somebody else's object under the id of a request", () => {
  /** It was there before anything was sent: the payout is held for it. */
  async function holdForStranger(): Promise<Prepared & { readonly object: ObservedObject }> {
    const prepared = await preparePayout();
    const object = objectOf(prepared.payoutId);
    await show(object);
    await releaseBrakes();
    expect(await store().requests.claim(prepared.id, SENDER, ASKED)).toBeUndefined();
    await holdAbout(prepared, 'UNKNOWN_OUTCOME', ['unknown'], 0);
    return { ...prepared, object };
  }

  test('is disowned where nothing was sent: the payout is sent once its absence is proven', async () => {
    const { object, ...prepared } = await holdForStranger();
    const { payoutId, id } = prepared;
    expect(await store().decisions.disown(decision(payoutId), object.providerId)).toEqual({ ok: true });
    expect((await read(payoutId)).status).toBe('paying');
    expect(await atProvider(prepared)).toEqual({ found: [], candidates: [] });
    expect(await store().requests.claim(id, SENDER, ASKED)).toBeUndefined();
    await letTimePass(id);
    await store().requests.wantAbsence(id, { sends: 0, waitSeconds: HOUR_SECONDS, absenceChecks: 1 });
    expect(await checkAbsence(id)).toBe(1);
    expect(await store().requests.authoriseResend(id, 0, 'engine', 1)).toBe(true);
    expect(await store().requests.claim(id, SENDER, ASKED)).toBe(1);
  });

  test('is nothing to the payout from then on: no news, no second object, no other attempt', async () => {
    const { object, ...prepared } = await holdForStranger();
    const { payoutId } = prepared;
    await store().decisions.disown(decision(payoutId), object.providerId);
    await store().requests.authoriseResend(prepared.id, 0, 'tester');
    expect(await store().requests.claim(prepared.id, SENDER, ASKED)).toBe(1);
    const own = objectOf(payoutId);
    await accept(prepared, { providerPayoutId: own.providerId });
    await show(own);
    await showAs(object, 'paid');
    expect(await store().brakes.listBrakes({ engaged: true, limit: 10 })).toEqual([]);
    expect(await store().mirror.findUnread(payoutId)).toEqual([]);
    expect((await store().mirror.findAttempts(payoutId)).map((one) => one.provider_id)).toEqual([
      own.providerId,
    ]);
  });

  test('is not disowned where the request was sent: it may be what came of it', async () => {
    const sent = await holdUnknown();
    const object = objectOf(sent.payoutId);
    await show(object);
    expect(await store().decisions.disown(decision(sent.payoutId), object.providerId)).toMatchObject({
      ok: false,
    });
  });
});

describe('an object that may be of two requests', () => {
  test('is a candidate of the other one still, where a person says that it is not of the one', async () => {
    const [one, other] = [await holdUnknown(), await holdUnknown()];
    const providerId = await show(objectOf(null));
    for (const sent of [one, other]) expect((await atProvider(sent)).candidates).toContain(providerId);
    expect(await store().decisions.disown(decision(one.payoutId), providerId)).toEqual({ ok: true });
    expect((await atProvider(one)).candidates).not.toContain(providerId);
    expect((await atProvider(other)).candidates).toContain(providerId);
  });

  test('is a candidate although it carries the id of another request, once that was accepted as something else', async () => {
    const [sent, other] = [await sendUnknown(), await sendUnknown()];
    const object = objectOf(other.id.externalOrderId);
    await show(object);
    expect((await atProvider(sent)).candidates).not.toContain(object.providerId);
    await accept(other);
    expect((await atProvider(sent)).candidates).toContain(object.providerId);
  });
});
