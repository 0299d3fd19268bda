import { QbitPayWebhookFormatError } from '../../../src/qbitpay/errors.js';
import { parseWebhookEvent, readDepositEvent, readPayoutEvent } from '../../../src/qbitpay/webhook-event.js';

const PAYOUT_DATA = {
  id: 'd55ba126aa385c808t8aeb0d',
  object: 'payout',
  amount: 98.1,
  fee: 1.9,
  status: 'pending',
  externalOrderId: 'ba126aa385cd5580',
};
const DEPOSIT_DATA = {
  id: 'dep1',
  object: 'deposit',
  currency: 'USDT',
  amount: 201.000001,
  addr: '0x31C2',
  txHash: '0xabc',
  confirmations: 12,
  status: 'confirmed',
  createdAt: '2019-02-25T16:13:12.278Z',
};

function event(changes: Record<string, unknown> = {}) {
  const whole = {
    id: 'fDOuTy95uSiTi',
    type: 'payout.paid',
    createdAt: '2019-02-25T16:13:12.278Z',
    object: 'event',
    pendingWebhooks: 0,
    livemode: true,
    data: PAYOUT_DATA,
    ...changes,
  };
  return Buffer.from(JSON.stringify(whole));
}
const payout = (changes: Record<string, unknown>) => readPayoutEvent(parseWebhookEvent(event(changes)));
const deposit = (changes: Record<string, unknown>, type = 'deposit.confirmed') => {
  const body = event({ type, data: { ...DEPOSIT_DATA, ...changes } });
  return readDepositEvent(parseWebhookEvent(body), ['deposit.confirmed']);
};
const fieldOf = (action: () => unknown) => {
  try {
    action();
  } catch (error) {
    if (error instanceof QbitPayWebhookFormatError) return error.field;
    throw error;
  }
  return undefined;
};

test('an event is parsed with its numbers intact', () => {
  const parsed = parseWebhookEvent(
    Buffer.from(
      '{"id":"e","type":"payout.paid","createdAt":"2019","object":"event","pendingWebhooks":2,"livemode":false,' +
        '"data":{"amount":98.10,"big":123456789012345678},"new":1}',
    ),
  );
  expect(parsed).toEqual({
    id: 'e',
    type: 'payout.paid',
    livemode: false,
    data: { amount: '98.10', big: '123456789012345678' },
  });
});

test.each([
  [{ id: '' }, 'id'],
  [{ type: 7, id: undefined }, 'id'],
  [{ id: 7 }, 'id'],
  [{ type: 7 }, 'type'],
  [{ id: 'a\u0000b' }, 'id'],
  [{ type: '' }, 'type'],
  [{ livemode: 'true' }, 'livemode'],
  [{ livemode: 1 }, 'livemode'],
  [{ livemode: '' }, 'livemode'],
  [{ data: JSON.stringify(PAYOUT_DATA) }, 'data'],
  [{ data: [PAYOUT_DATA] }, 'data'],
  [{ data: 7 }, 'data'],
])('an event with %j is refused by the name of its field', (changes, field) => {
  expect(fieldOf(() => parseWebhookEvent(event(changes)))).toBe(field);
});

test.each([
  '',
  'null',
  '[]',
  '{',
  '{"id":"e","type":"t","livemode":true,"livemode":"true"}',
  '{"id":"e","type":"t","data":{"id":"1","id":"2"}}',
])('the body %j is refused as a whole', (text) => {
  expect(fieldOf(() => parseWebhookEvent(Buffer.from(text)))).toBe('body');
});

test('an event that is odd otherwise can still be kept', () => {
  const parsed = parseWebhookEvent(event({ livemode: null, data: null, createdAt: null }));
  expect(parsed).toEqual({ id: 'fDOuTy95uSiTi', type: 'payout.paid', livemode: undefined, data: {} });
});

test.each([
  ['payout.paid', 'paid'],
  ['payout.failed', 'failed'],
  ['payout.cancelled', 'cancelled'],
  ['payout.pending', undefined],
  ['payout.inTransition', undefined],
  ['payout.somethingNew', undefined],
])('%s announces the outcome %s', (type, outcome) => {
  expect(payout({ type })).toEqual({
    providerPayoutId: 'd55ba126aa385c808t8aeb0d',
    externalOrderId: 'ba126aa385cd5580',
    outcome,
  });
});

test('other events are no payout events', () => {
  expect(payout({ type: 'charge.succeeded' })).toBeUndefined();
  expect(payout({ type: 'payouts.paid' })).toBeUndefined();
});

test('a payout event without a payout id is refused, without our reference it is not', () => {
  expect(fieldOf(() => payout({ data: { object: 'payout' } }))).toBe('data.id');
  expect(payout({ data: { id: 'p1' } })?.externalOrderId).toBeUndefined();
  expect(payout({ data: { id: 'p1', externalOrderId: null } })?.externalOrderId).toBeUndefined();
});

test('a deposit event is read in neutral words', () => {
  expect(deposit({})).toEqual({
    providerDepositId: 'dep1',
    currency: 'USDT',
    amount: '201.000001',
    address: '0x31C2',
    txHash: '0xabc',
  });
  expect(deposit({ amount: '201.10', addr: null })).toMatchObject({ amount: '201.10', address: undefined });
});

test('which types announce deposits is the caller’s choice', () => {
  expect(deposit({}, 'deposit.seen')).toBeUndefined();
  expect(
    readDepositEvent(parseWebhookEvent(event({ type: 'coin.in', data: DEPOSIT_DATA })), ['coin.in']),
  ).toBeDefined();
});

test('one identity is enough, none is too few', () => {
  expect(deposit({ id: null })).toMatchObject({ providerDepositId: undefined, txHash: '0xabc' });
  expect(deposit({ txHash: '' })).toMatchObject({ providerDepositId: 'dep1', txHash: undefined });
  expect(fieldOf(() => deposit({ id: undefined, txHash: undefined }))).toBe('data.id');
});

test.each([
  [{ amount: 0 }, 'data.amount'],
  [{ amount: -1 }, 'data.amount'],
  [{ amount: 'lots' }, 'data.amount'],
  [{ amount: undefined }, 'data.amount'],
  [{ currency: 'usdt' }, 'data.currency'],
  [{ currency: undefined }, 'data.currency'],
])('a deposit with %j is unusable', (changes, field) => {
  expect(fieldOf(() => deposit(changes))).toBe(field);
});
