import { randomUUID } from 'node:crypto';
import { awaitFreshSync } from '../../activities/provider/at-provider.js';
import type { ObservedObject } from '../../src/store/mirror/provider-objects.js';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import { REQUEST_STATE, type ObjectKind } from '../../src/store/schema.js';
import {
  ASKED,
  prepareOrder,
  preparePayout,
  sendUnknown,
  store,
  useStore,
} from '../support/request-store.js';
import { readerOf, SENDER } from '../support/test-store.js';
import { endSending } from '../support/end-sending.js';
import { untilAnswer } from '../support/until-answer.js';

/** What a sender's compare-and-set has to find, beside the state of its own request. */

useStore();

/** A sync that knows of these wishes is over. */
async function sync(wishIds: readonly string[], problem: string | null = null): Promise<void> {
  const { mirror } = store();
  const wishes = (await mirror.readWishes(100)).filter(({ wishId }) => wishIds.includes(wishId));
  const reader = await readerOf(store());
  await reader.endSync(
    {
      beganAt: await mirror.readClock(),
      problem,
      clockSkewMs: null,
      maxRequestsPerSecond: null,
      completed: [],
    },
    wishes,
  );
}

/** As {@link show}, and a person has seen it: the brake that it may have engaged is released. */
async function showAndRelease(kind: ObjectKind, id: ProviderRequestId): Promise<string> {
  const providerId = await show(kind, id);
  for (const { brakeId } of await store().brakes.listBrakes({ engaged: true, limit: 1 })) {
    await store().brakes.release({ brakeId, reason: 'seen', actor: 'tester' });
  }
  return providerId;
}

/** A sync shows an object of QbitPay's under the id of a request; answers with its own. */
async function show(kind: ObjectKind, { externalOrderId }: ProviderRequestId): Promise<string> {
  const object: ObservedObject = {
    kind,
    providerId: randomUUID(),
    externalOrderId,
    ...{ source: null, type: null, status: 'pending', currency: 'USDT', amount: '700' },
    content: {},
    problem: null,
    isOpen: true,
  };
  const readAt = await store().mirror.readClock();
  await (await readerOf(store())).recordPage(kind, { objects: [object], readAt });
  return object.providerId;
}

test.each([
  ['its sender does not know it', (id: ProviderRequestId) => store().requests.endUnknown(id, 1)],
  ['its sender is gone', (id: ProviderRequestId) => store().requests.declareUnknown(id)],
])('a sync is asked for as soon as an outcome is unknown: %s', async (_why, end) => {
  const { mirror, requests } = store();
  const { id } = await preparePayout();
  await requests.claim(id, SENDER, ASKED);
  const wished = async (): Promise<string[]> => (await mirror.readWishes(100)).map(({ wishId }) => wishId);
  const before = await wished();
  await end(id);
  const after = await wished();
  expect(after).toHaveLength(before.length + 1);
  await sync(after);
});

test('nothing is claimed before a complete sync that knows that the process has started', async () => {
  const { id } = await preparePayout();
  const startWish = await store().mirror.wishForSync('a worker has started');
  const sender = { ...SENDER, seen: { startWish, place: undefined } };
  const expectNotSynced = async (): Promise<void> => {
    expect(await store().requests.claim(id, sender, ASKED)).toBe('notSynced');
    expect(await store().requests.get(id)).toMatchObject({ state: 'prepared', sends: 0 });
  };
  await expectNotSynced();
  // It was under way when the process started.
  await sync([]);
  await expectNotSynced();
  await sync([startWish], 'payout: LIST_LOST');
  await expectNotSynced();
  await sync([startWish]);
  expect(await store().requests.claim(id, sender, ASKED)).toBe(1);
});

test('a fresh reading is over with a sync that knows of all that was wished for', async () => {
  const { mirror } = store();
  const others = await mirror.wishForSync('somebody else');
  let fresh = Promise.resolve();
  const looked = new Promise<string>((resolve) => {
    const isGranted = async (wishId: string): Promise<boolean> => {
      resolve('not granted');
      return mirror.isGranted(wishId);
    };
    fresh = awaitFreshSync({ store: { ...store(), mirror: { ...mirror, isGranted } } }, 'a test');
  });
  const wishes = await untilAnswer(
    () => mirror.readWishes(100),
    (now) => now.at(-2)?.wishId === others,
    'its own wish',
  );
  // Of many wishes it knew of the oldest ones only.
  await sync([others]);
  expect(await Promise.race([looked, fresh])).toBe('not granted');
  await sync(wishes.map(({ wishId }) => wishId));
  await fresh;
});

describe("an object of QbitPay's under the id", () => {
  test.each([
    ['payout', preparePayout],
    ['order', prepareOrder],
  ] as const)('%s: nothing is sent, and what it is has to be found out', async (kind, prepare) => {
    const { id } = await prepare();
    await showAndRelease(kind, id);
    expect(await store().requests.claim(id, SENDER, { ...ASKED, price: '6.97' })).toBeUndefined();
    expect(await store().requests.get(id)).toMatchObject({
      ...{ state: 'unknown', sends: 0, mayBeResent: false },
      asked: { ...ASKED, price: '6.97' },
    });
    // Nobody but whoever finds that out lets it be sent.
    expect(await store().requests.claim(id, SENDER, ASKED)).toBeUndefined();
  });

  test('of the other kind, or under the id of another attempt, is none', async () => {
    const { id } = await preparePayout();
    await showAndRelease('order', id);
    await showAndRelease('payout', { ...id, externalOrderId: `${id.externalOrderId}~2` });
    expect(await store().requests.claim(id, SENDER, ASKED)).toBe(1);
  });

  test('also keeps back what QbitPay asked to be sent later, which keeps what it was sent with', async () => {
    const { id } = await preparePayout();
    expect(await store().requests.claim(id, SENDER, ASKED)).toBe(1);
    await endSending(store(), id, 1, REQUEST_STATE.RETRY_LATER);
    await showAndRelease('payout', id);
    expect(await store().requests.claim(id, SENDER, { ...ASKED, amount: '699' })).toBeUndefined();
    expect(await store().requests.get(id)).toMatchObject({ state: 'unknown', sends: 1, asked: ASKED });
  });

  test('that is not shown any more proves nothing: only a person has it sent then', async () => {
    const { id } = await preparePayout();
    const providerId = await showAndRelease('payout', id);
    await store().mirror.recordMissing('payout', providerId, await store().mirror.readClock());
    expect(await store().requests.claim(id, SENDER, ASKED)).toBeUndefined();
    expect(await store().requests.get(id)).toMatchObject({ state: 'unknown', sends: 0 });
    expect(await store().requests.authoriseResend(id, 0, 'a person')).toBe(true);
    expect(await store().requests.claim(id, SENDER, ASKED)).toBe(1);
  });

  test('keeps back what may be sent again as well, as long as it is shown', async () => {
    const { id } = await sendUnknown();
    expect(await store().requests.authoriseResend(id, 1, 'a person')).toBe(true);
    await showAndRelease('payout', id);
    expect(await store().requests.claim(id, SENDER, ASKED)).toBeUndefined();
    expect(await store().requests.get(id)).toMatchObject({ state: 'unknown', sends: 1, mayBeResent: false });
  });
});

test.each([
  ['in another case', (id: string) => id.toUpperCase()],
  ['cut', (id: string) => id.slice(0, 20)],
  ['with a prefix', (id: string) => `qp-${id}`],
  ['with other punctuation', (id: string) => id.replaceAll('-', '_')],
])('an object of its amount under its id, %s, keeps a request from being sent', async (_how, alter) => {
  const { id } = await preparePayout();
  await showAndRelease('payout', { ...id, externalOrderId: alter(id.externalOrderId) });
  expect(await store().requests.claim(id, SENDER, { ...ASKED, amount: '690' })).toBe(1);
  const other = await preparePayout();
  await showAndRelease('payout', { ...other.id, externalOrderId: alter(other.id.externalOrderId) });
  expect(await store().requests.claim(other.id, SENDER, ASKED)).toBeUndefined();
  expect(await store().requests.get(other.id)).toMatchObject({ state: 'unknown', sends: 0 });
});

test('an id that only begins or ends like it by chance does not', async () => {
  const { id } = await preparePayout();
  for (const other of [`${id.externalOrderId}-2`, id.externalOrderId.slice(0, 5)]) {
    await showAndRelease('payout', { ...id, externalOrderId: other });
  }
  expect(await store().requests.claim(id, SENDER, ASKED)).toBe(1);
});
