import {
  accept,
  accepted,
  ASKED,
  connections,
  preparePayout,
  read,
  store,
  useStore,
} from '../support/request-store.js';
import { SENDER } from '../support/test-store.js';

/** When answers that are not as expected stop a currency, and what leaves before one was. */

useStore();

/** As at the first start: what tests before have left counts no more. */
beforeEach(async () => {
  await connections().query('delete from fee_proofs');
  await connections().query('update provider_payouts set is_expected = null');
  await connections().query(`update provider_requests set state = 'unknown' where state = 'sending'`);
});
afterEach(async () => {
  for (const { brakeId } of await engaged()) {
    await store().brakes.release({ brakeId, reason: 'seen', actor: 'tester' });
  }
});

const engaged = () => store().brakes.listBrakes({ engaged: true, limit: 10 });

const claim = async () => {
  const prepared = await preparePayout();
  return { prepared, sends: await store().requests.claim(prepared.id, SENDER, ASKED) };
};

/** Expected are 700, and 3.5 as the fee. */
async function answered(changes: { recipientAmount?: string; fee?: string } = {}): Promise<void> {
  const { prepared, sends } = await claim();
  expect(sends).toBe(1);
  await store().requests.accept(prepared.payoutId, accepted(prepared, changes), undefined, 3);
}

const SEND = { amountMode: 'send', amount: '703.5' } as const;

test.each([
  ['as expected', {}, {}, []],
  ['less for the recipient', {}, { recipientAmount: '694.45' }, ['AMOUNT_SHORT']],
  ['less, and a larger fee', {}, { recipientAmount: '695', fee: '6.5' }, ['AMOUNT_SHORT', 'FEE_DIFFERS']],
  ['more for the recipient', {}, { recipientAmount: '702', fee: '1.5' }, ['AMOUNT_EXCEEDED', 'FEE_DIFFERS']],
  ['the fee off the amount after all', {}, { recipientAmount: '696.5' }, ['AMOUNT_SHORT']],
  ['fixed send, as asked for at QbitPay', SEND, {}, []],
  ['fixed send, less', SEND, { recipientAmount: '699' }, ['AMOUNT_SHORT']],
])('an answer is flagged for its difference: %s', async (_name, request, changes, flags) => {
  const prepared = await preparePayout(request);
  expect(await store().requests.claim(prepared.id, SENDER, ASKED)).toBe(1);
  await accept(prepared, changes);
  expect([...(await read(prepared.payoutId)).flags].sort()).toEqual(flags);
});

test('before an answer was as expected payouts leave one at a time, and then as they come', async () => {
  const first = await claim();
  expect(first.sends).toBe(1);
  const second = await claim();
  expect(second.sends).toBe('notFirst');
  expect(await store().requests.mayBeSent(second.prepared.payoutId)).toBe(false);
  await accept(first.prepared);
  expect(await store().requests.mayBeSent(second.prepared.payoutId)).toBe(true);
  expect(await store().requests.claim(second.prepared.id, SENDER, ASKED)).toBe(1);
  expect((await claim()).sends).toBe(1);
});

test('an answer that differs lets the next one leave, and proves nothing', async () => {
  await answered({ fee: '9' });
  expect((await claim()).sends).toBe(1);
  expect((await claim()).sends).toBe('notFirst');
});

test.each([
  ['fees', { fee: '9' }],
  ['amounts', { recipientAmount: '650' }],
])(
  'K15: the third of the last 20 %s that differs stops the currency, until a person has seen it',
  async (_what, off) => {
    for (const changes of [off, {}, off]) await answered(changes);
    expect(await engaged()).toEqual([]);
    await answered(off);
    expect(await engaged()).toMatchObject([
      { kind: 'AMOUNTS_DIFFER', currency: 'USDT', engagedBy: 'engine' },
    ]);
    expect((await claim()).sends).toBe('braked');
    await store().brakes.release({ brakeId: (await engaged())[0]!.brakeId, reason: 'seen', actor: 'tester' });
    // What was seen counts no more.
    for (const changes of [off, off]) await answered(changes);
    expect(await engaged()).toEqual([]);
  },
);

test('K59: any number as expected stops nothing, nor do two that differ, or less than the smallest unit', async () => {
  for (let one = 0; one < 8; one += 1) await answered();
  await answered({ fee: '3.5000009' });
  await answered({ recipientAmount: '699.9999999', fee: '3.4999999' });
  await answered({ fee: '3.50000001' });
  for (let one = 0; one < 2; one += 1) await answered({ fee: '9' });
  expect(await engaged()).toEqual([]);
});

test('what differed more than 20 answers ago counts no more', async () => {
  for (let one = 0; one < 2; one += 1) await answered({ fee: '9' });
  for (let one = 0; one < 20; one += 1) await answered();
  await answered({ fee: '9' });
  expect(await engaged()).toEqual([]);
});
