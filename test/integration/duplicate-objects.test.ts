import { randomUUID } from 'node:crypto';
import type { ObservedObject } from '../../src/store/mirror/provider-objects.js';
import {
  accept,
  ASKED,
  orderOf,
  prepareOrder,
  preparePayout,
  sendUnknown,
  store,
  useStore,
  type Prepared,
} from '../support/request-store.js';
import { readerOf, SENDER } from '../support/test-store.js';

/** Two objects of QbitPay's for one request: nothing leaves until a person has seen that, and what he saw stays seen. */

useStore();

const objectOf = (externalOrderId: string, changes: Partial<ObservedObject> = {}): ObservedObject => ({
  ...{ kind: 'payout', providerId: `po-${randomUUID()}`, externalOrderId },
  ...{ source: null, type: null, status: 'in_transit', currency: 'USDT', amount: '700' },
  ...{ content: { fee: '3.5' }, problem: null, isOpen: true },
  ...changes,
});

async function show(...objects: readonly ObservedObject[]): Promise<void> {
  const readAt = await store().mirror.readClock();
  await (await readerOf(store())).recordPage('payout', { objects, readAt });
}

async function endSync(): Promise<void> {
  const end = { problem: null, clockSkewMs: null, maxRequestsPerSecond: null, completed: [] };
  const beganAt = await store().mirror.readClock();
  await (await readerOf(store())).endSync({ ...end, beganAt }, []);
}

const engaged = () => store().brakes.listBrakes({ engaged: true, limit: 10 });

async function releaseAll(): Promise<void> {
  for (const { brakeId } of await engaged()) {
    await store().brakes.release({ brakeId, reason: 'seen', actor: 'tester' });
  }
}

afterEach(releaseAll);

async function showTwo(sent?: Prepared): Promise<readonly [ObservedObject, ObservedObject]> {
  const { id } = sent ?? (await sendUnknown());
  const pair = [objectOf(id.externalOrderId), objectOf(id.externalOrderId)] as const;
  const before = await engaged();
  await show(pair[0]);
  expect(await engaged()).toEqual(before);
  await show(pair[1]);
  return pair;
}

test('both are named, and nothing of any payout leaves', async () => {
  const [first, second] = await showTwo();
  expect(await engaged()).toMatchObject([
    { kind: 'DUPLICATE_AT_PROVIDER', currency: null, engagedBy: 'engine' },
  ]);
  const detail = (await engaged())[0]?.detail;
  for (const { providerId } of [first, second]) expect(detail).toContain(providerId);
  expect(await store().requests.claim((await preparePayout()).id, SENDER, ASKED)).toBe('braked');
});

test('released, they engage none any more, however they go on; a third one does', async () => {
  const [first, second] = await showTwo();
  await releaseAll();
  await show({ ...first, status: 'paid', content: { status: 'paid' } }, second);
  await endSync();
  expect(await engaged()).toEqual([]);
  const third = objectOf(second.externalOrderId!);
  await show(third);
  expect((await engaged())[0]?.detail).toContain(third.providerId);
});

test('what shows while the brake is engaged for others engages it anew once that was released', async () => {
  const sent = [await sendUnknown(), await sendUnknown()];
  await showTwo(sent[0]);
  const [first] = await showTwo(sent[1]);
  expect((await engaged())[0]?.detail).not.toContain(first.providerId);
  await releaseAll();
  await endSync();
  expect((await engaged())[0]?.detail).toContain(first.providerId);
});

test('beside one that was accepted under an altered id', async () => {
  const sent = await sendUnknown();
  const altered = objectOf(sent.id.externalOrderId.slice(0, 20));
  await show(altered);
  await accept(sent, { providerPayoutId: altered.providerId });
  await show(objectOf(sent.id.externalOrderId));
  expect(await engaged()).toHaveLength(1);
});

test('beside an order that was accepted although it names no id', async () => {
  const { payoutId, ...sent } = await sendUnknown(prepareOrder);
  await store().requests.accept(payoutId, orderOf({ payoutId, ...sent }));
  const reader = await readerOf(store());
  const objects = [objectOf(sent.id.externalOrderId, { kind: 'order' })];
  await reader.recordPage('order', { objects, readAt: await store().mirror.readClock() });
  expect((await engaged())[0]?.detail).toContain(objects[0]?.providerId);
});

test.each([
  ['one that QbitPay gave up', { status: 'failed' as const }],
  ['one of another kind', { kind: 'order' as const }],
])('%s is no second one, until it lives', async (_which, changes) => {
  const { id } = await sendUnknown();
  const other = objectOf(id.externalOrderId, changes);
  const reader = await readerOf(store());
  await store().mirror.recordReading(other, await store().mirror.readClock());
  await show(objectOf(id.externalOrderId));
  const kinds = (await engaged()).map(({ kind }) => kind);
  expect(kinds).not.toContain('DUPLICATE_AT_PROVIDER');
  if (other.kind !== 'payout') return;
  const readAt = await store().mirror.readClock();
  const lives = { ...other, status: 'paid', content: { status: 'paid' } };
  await reader.recordPage('payout', { objects: [lives], readAt });
  expect((await engaged())[0]?.detail).toContain(other.providerId);
});

test("somebody else's ids may come twice", async () => {
  const { payoutId } = await preparePayout();
  const foreign = `other-${payoutId}`;
  await show(objectOf(foreign), objectOf(foreign));
  expect((await engaged()).map(({ kind }) => kind)).not.toContain('DUPLICATE_AT_PROVIDER');
});
