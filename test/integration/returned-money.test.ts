import { randomUUID } from 'node:crypto';
import { postShown } from '../../activities/payouts/post-shown.js';
import {
  accept,
  causesOf,
  FAILED,
  read,
  sendUnknown,
  settle,
  store,
  useStore,
} from '../support/request-store.js';
import { readerOf } from '../support/test-store.js';

/** What the mirror shows as the return of a failed payout, which took 703.5 USDT. */

useStore();

let payoutId: string;
let providerPayoutId: string;
beforeEach(async () => {
  const sent = await sendUnknown();
  ({ payoutId } = sent);
  providerPayoutId = await accept(sent);
  await settle(payoutId, providerPayoutId, 'failed', FAILED);
});

/** QbitPay shows that something came back, and the engine posts it. */
async function giveBack(amount: string, currency = 'USDT'): Promise<void> {
  const reader = await readerOf(store());
  const said = { currency, amount, source: providerPayoutId, type: 'payout_failure', status: 'available' };
  const id = randomUUID();
  const content = { ...said, id, createdAt: new Date().toISOString() };
  const known = {
    kind: 'transaction',
    providerId: id,
    externalOrderId: null,
    problem: null,
    isOpen: false,
  } as const;
  const objects = [{ ...known, ...said, content }];
  await reader.recordPage('transaction', { objects, readAt: await store().mirror.readClock() });
  await postShown({ store: store() }, payoutId);
}

const cameBack = async () =>
  (await store().payouts.readTimeline(payoutId)).flatMap(({ detail }) =>
    detail.includes('came back') ? detail : [],
  );
const returns = async () => (await causesOf(payoutId)).filter((cause) => cause === 'return');

test('in another currency is not its return: it stays pending until its own money is back', async () => {
  await giveBack('2412', 'CNY');
  await giveBack('703.5', 'CNY');
  expect(await returns()).toEqual([]);
  expect(await cameBack()).toEqual([]);
  expect(await read(payoutId)).toMatchObject({ status: 'failed', providerPayout: { returnPending: '700' } });
  await giveBack('703.5');
  expect(await cameBack()).toEqual(['703.5 USDT came back from QbitPay']);
  expect(await read(payoutId)).toMatchObject({ providerPayout: { returnPending: '0' } });
});

test('of a paid one, in another currency, does not say that the bank sent it back', async () => {
  const sent = await sendUnknown();
  ({ payoutId } = sent);
  providerPayoutId = await accept(sent);
  await settle(payoutId, providerPayoutId, 'paid', { status: 'paid', detail: 'settled' });
  await giveBack('700', 'CNY');
  expect(await read(payoutId)).toMatchObject({ status: 'paid', providerPayout: { returnPending: '0' } });
});

test('that is more than was taken: what was taken is back, once', async () => {
  await giveBack('704.5');
  expect(await cameBack()).toEqual(['703.5 USDT came back from QbitPay']);
  expect(await read(payoutId)).toMatchObject({ providerPayout: { returnPending: '0' } });
  await giveBack('1');
  expect(await returns()).toEqual(['return']);
});

test('that is more than was taken with what came back before', async () => {
  await giveBack('500');
  await giveBack('703.5');
  expect(await cameBack()).toEqual([
    '500 USDT came back from QbitPay; 200 USDT are still to come',
    '203.5 USDT came back from QbitPay',
  ]);
});
