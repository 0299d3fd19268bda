import { randomUUID } from 'node:crypto';
import type { ObservedObject } from '../../src/store/mirror/provider-objects.js';
import type { SeenStore } from '../../src/store/controls/seen-store.js';
import { REQUEST_STATE } from '../../src/store/schema.js';
import {
  accept,
  ASKED,
  connections,
  preparePayout,
  sendUnknown,
  store,
  useStore,
  type Prepared,
} from '../support/request-store.js';
import { acceptPayout, openPayout, READER_RULES, readerOf, SENDER } from '../support/test-store.js';
import { runConcurrently } from '../support/test-store.js';
import { endSending } from '../support/end-sending.js';

/** What shows that the store has forgotten something that QbitPay has, and what only looks like it. */

useStore();

const engaged = () => store().brakes.listBrakes({ engaged: true, limit: 10 });

async function releaseAll(): Promise<void> {
  for (const { brakeId } of await engaged()) {
    await store().brakes.release({ brakeId, reason: 'all is well', actor: 'tester' });
  }
}

afterEach(releaseAll);

const objectOf = (externalOrderId: string | null, changes: Partial<ObservedObject> = {}): ObservedObject => ({
  ...{ kind: 'payout', providerId: `po-${randomUUID()}`, externalOrderId },
  ...{ source: null, type: null, status: 'in_transit', currency: 'USDT', amount: '700' },
  ...{ content: { fee: '3.5' }, problem: null, isOpen: true },
  ...changes,
});

/** A sync shows these. */
async function show(...objects: readonly ObservedObject[]): Promise<void> {
  const reader = await readerOf(store());
  const readAt = await store().mirror.readClock();
  await reader.recordPage(objects[0]!.kind, { objects, readAt });
}

async function endSync(): Promise<void> {
  const end = { problem: null, clockSkewMs: null, maxRequestsPerSecond: null, completed: [] };
  const beganAt = await store().mirror.readClock();
  await (await readerOf(store())).endSync({ ...end, beganAt }, await store().mirror.readWishes(100));
}

const newId = (): string => `id-${randomUUID()}`;

describe('K11, K12: an object under an id that the store knows and has not sent', () => {
  test.each([
    ['of a payout that waits for its deposit', async () => (await openPayout(store())).payoutId],
    ['of a payout that is about to be sent', async () => (await preparePayout()).payoutId],
    ['of a later attempt', async () => `${(await preparePayout()).payoutId}~2`],
  ])('%s: nothing leaves any more, of any payout', async (_which, prepare) => {
    const other = await preparePayout();
    const object = objectOf(await prepare());
    await show(object);
    expect(await engaged()).toMatchObject([
      { kind: 'STORE_BEHIND_PROVIDER', currency: null, engagedBy: 'engine' },
    ]);
    expect((await engaged())[0]?.detail).toContain(object.providerId);
    expect(await store().requests.claim(other.id, SENDER, ASKED)).toBe('braked');
  });

  test('released, it engages none any more, however it goes on', async () => {
    const object = objectOf((await preparePayout()).payoutId);
    await show(object);
    await releaseAll();
    await show({ ...object, status: 'paid', content: { fee: '3.5', status: 'paid' } });
    await endSync();
    expect(await engaged()).toEqual([]);
  });

  test('one that cannot be read counts as well', async () => {
    const { payoutId } = await preparePayout();
    await show(
      objectOf(payoutId, { currency: null, amount: null, status: null, content: {}, problem: 'fee' }),
    );
    expect(await engaged()).toHaveLength(1);
  });

  test('the payout cannot be cancelled, until QbitPay has given it up', async () => {
    const { payoutId } = await openPayout(store());
    const object = objectOf(payoutId);
    await show(object);
    const cancel = () => store().payouts.closeFunding({ payoutId, to: 'cancelled', detail: 'cancelled' });
    expect(await cancel()).toEqual({ ok: false, message: expect.stringContaining(object.providerId) });
    await show({ ...object, status: 'failed', content: { status: 'failed' } });
    expect(await cancel()).toEqual({ ok: true });
  });

  const PAID = { status: 'paid', isOpen: false } as const;

  test.each(['', '~2'])(
    'nor where a person has adopted what QbitPay has, before the payout has come to take it over: %s',
    async (attempt) => {
      const { payoutId } = await openPayout(store());
      const object = objectOf(`${payoutId}${attempt}`, PAID);
      await show(object);
      await store().mirror.adoptUnexplained();
      const cancelled = await store().payouts.closeFunding({
        payoutId,
        to: 'cancelled',
        detail: 'cancelled',
      });
      expect(cancelled).toEqual({ ok: false, message: expect.stringContaining(object.providerId) });
    },
  );

  test('it does not expire: its deposit, which nobody recognised again, is assigned to it', async () => {
    const { payoutId } = await openPayout(store());
    const object = objectOf(payoutId, PAID);
    await show(object);
    const expired = await store().payouts.closeFunding({ payoutId, to: 'expired', detail: 'expired' });
    expect(expired).toEqual({ ok: false, message: expect.stringContaining(object.providerId) });
    expect(await store().payouts.getPayout(payoutId)).toMatchObject({
      status: 'held',
      holdReason: 'UNDERFUNDED',
    });
  });

  test('any other end by itself is news of what QbitPay had shown before it, and is undone', async () => {
    const { payoutId } = await acceptPayout(store());
    const object = objectOf(payoutId, PAID);
    await show(object);
    await store().payouts.closeFunding({ payoutId, to: 'rejected', detail: 'rejected' });
    const news = { payoutId, kind: 'payout', providerId: object.providerId };
    expect(await store().mirror.listPostable({ isEnded: true, limit: 10 })).toContainEqual(news);
  });
});

describe('recovering', () => {
  test('lists what is there with its payout; adopted, the payout takes it over while the brake stays engaged', async () => {
    const { payoutId, id } = await preparePayout();
    const [known, unknown] = [objectOf(payoutId), objectOf(newId(), { amount: '911' })];
    await show(known, unknown);
    const before = await store().mirror.listUnexplained(100);
    expect(before.filter((one) => one.providerId === known.providerId)).toMatchObject([
      { payoutId, payoutStatus: 'paying', status: 'in_transit', amount: '700' },
    ]);
    expect(before.filter((one) => one.providerId === unknown.providerId)).toMatchObject([{ payoutId: null }]);
    expect(await store().requests.claim(id, SENDER, ASKED)).toBe('braked');
    expect(await store().mirror.adoptUnexplained()).toBeGreaterThan(0);
    const after = (await store().mirror.listUnexplained(100)).map((one) => one.providerId);
    expect(after).toContain(unknown.providerId);
    expect(after).not.toContain(known.providerId);
    // What it is, is found out as after a lost answer; nothing else may leave.
    expect(await store().requests.claim(id, SENDER, ASKED)).toBeUndefined();
    expect(await store().requests.get(id)).toMatchObject({ state: 'unknown', sends: 0 });
    expect(await store().requests.claim((await preparePayout()).id, SENDER, ASKED)).toBe('braked');
  });
});

describe('what the store has sent engages none', () => {
  const send = async (): Promise<Prepared> => {
    const prepared = await preparePayout();
    expect(await store().requests.claim(prepared.id, SENDER, ASKED)).toBe(1);
    return prepared;
  };
  test.each([
    ['while it is sent', send],
    ['while nobody knows what became of it', sendUnknown],
    [
      'after it was refused',
      async () => {
        const sent = await send();
        await endSending(store(), sent.id, 1, REQUEST_STATE.REFUSED);
        return sent;
      },
    ],
    [
      'once it was accepted',
      async () => {
        const sent = await send();
        await accept(sent);
        return sent;
      },
    ],
  ])('%s', async (_when, prepare) => {
    const { id } = await prepare();
    await show(objectOf(id.externalOrderId));
    await endSync();
    expect((await engaged()).map(({ kind }) => kind)).not.toContain('STORE_BEHIND_PROVIDER');
  });

  test('under an altered id as well: it is judged when its request has an outcome', async () => {
    const sent = await send();
    const altered = objectOf(sent.id.externalOrderId.toUpperCase().slice(0, 20));
    await show(altered);
    await endSync();
    expect(await engaged()).toEqual([]);
    await accept(sent, { providerPayoutId: altered.providerId });
    await endSync();
    expect(await engaged()).toEqual([]);
  });

  test.each<[string, string, (sent: Awaited<ReturnType<typeof preparePayout>>) => Promise<unknown>]>([
    ['has its outcome', '690', (sent) => accept(sent)],
    [
      'is of a payout that has ended',
      '691',
      ({ payoutId }) =>
        connections().query(`update payouts set status = 'failed' where payout_id = $1`, [payoutId]),
    ],
  ])('and what none explains once the request %s does', async (_what, amount, end) => {
    const sent = await preparePayout();
    expect(await store().requests.claim(sent.id, SENDER, { ...ASKED, amount })).toBe(1);
    await show(objectOf(newId(), { amount }));
    expect(await engaged()).toEqual([]);
    await end(sent);
    await endSync();
    expect(await engaged()).toHaveLength(1);
  });

  test('one that showed before anything was sent is none of it', async () => {
    const { payoutId, id } = await preparePayout();
    await store().mirror.recordReading(objectOf(payoutId), await store().mirror.readClock());
    await connections().query(
      `update provider_requests set state = 'unknown', sends = 1, first_sent_at = clock_timestamp() where external_order_id = $1`,
      [id.externalOrderId],
    );
    await endSync();
    expect(await engaged()).toHaveLength(1);
  });
});

describe('an object under an id that the store does not know', () => {
  test('K62: it has the form of ours: a second engine, or a store that has forgotten all', async () => {
    // Of an amount that no open request is about.
    await show(objectOf(newId(), { amount: '811' }), objectOf(newId(), { amount: '812' }));
    expect((await engaged())[0]?.detail).toMatch(/po-.* po-.* which this store has not sent/);
  });

  test("K58: on a shared account it is somebody else's", async () => {
    const { mirror } = store();
    const rules = { ...READER_RULES, isAccountShared: true };
    const reader = mirror.asReader(await mirror.takeGeneration(), rules);
    const readAt = await mirror.readClock();
    await reader.recordPage('payout', { objects: [objectOf(newId())], readAt });
    expect(await engaged()).toEqual([]);
    // But not where the store has the payout.
    const known = objectOf((await openPayout(store())).payoutId);
    await reader.recordPage('payout', { objects: [known], readAt: await mirror.readClock() });
    expect(await engaged()).toHaveLength(1);
    await connections().query('update provider_sync set generation = 1');
  });

  test("without an id, or with one that can be none of ours, it is the dashboard's", async () => {
    await show(objectOf(null), objectOf('order 17 of the shop'), objectOf('a'.repeat(65)));
    expect(await engaged()).toEqual([]);
  });
});

describe('K57: the database under a running process', () => {
  const newProcess = (): SeenStore => ({ startWish: '0', place: undefined });
  const claimFrom = async (seen: SeenStore) =>
    store().requests.claim((await preparePayout()).id, { ...SENDER, seen }, ASKED);

  test.each([
    ['was restored to an earlier sync', { syncNo: 1n }],
    ['was restored to a moment since the last sync', { writtenBytes: 1n << 40n }],
  ])('%s: nothing leaves before QbitPay was read anew, and a person has seen it', async (_what, lost) => {
    const seen = newProcess();
    expect(await claimFrom(seen)).toBe(1);
    const { place } = seen;
    if (place === undefined) throw new Error('it has seen nothing');
    const ahead = {
      syncNo: place.syncNo + ('syncNo' in lost ? lost.syncNo : 0n),
      writtenBytes: place.writtenBytes + ('writtenBytes' in lost ? lost.writtenBytes : 0n),
    };
    seen.place = { ...place, ...ahead };
    expect(await claimFrom(seen)).toBe('braked');
    expect(await engaged()).toMatchObject([{ kind: 'STORE_BEHIND_PROVIDER' }]);
    await releaseAll();
    expect(await claimFrom(seen)).toBe('notSynced');
    await endSync();
    expect(await claimFrom(seen)).toBe(1);
    expect(await engaged()).toEqual([]);
  });

  test('is another one by now: it was failed over, or replaced; also seen where nothing is sent', async () => {
    const seen = newProcess();
    await store().watchStore(seen);
    if (seen.place === undefined) throw new Error('it has seen nothing');
    seen.place = { ...seen.place, identity: 'another' };
    await store().watchStore(seen);
    expect((await engaged())[0]?.detail).toMatch(/restored or replaced: it was another/);
  });

  test('is the same: any number of looks at once engages none', async () => {
    const seen = newProcess();
    await runConcurrently(
      Array.from(
        { length: 60 },
        (_, index) => () => (index % 20 === 0 ? endSync() : store().watchStore(seen)),
      ),
    );
    expect(await engaged()).toEqual([]);
  });
});
