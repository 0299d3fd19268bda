import { randomBytes } from 'node:crypto';
import { Pool } from 'pg';
import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { balanceIn, causesOf, entriesOf } from '../support/balances.js';
import { expectMoneyInOrder, untilAllocated } from '../support/deposits.js';
import type { Json } from '../support/engine-client.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { endDepositTime, untilHoldReasonShown } from '../support/payout-workflows.js';
import { expectConvertedAndPaidOnce, requestsTo, ORDERS, PAYOUTS } from '../support/provider-requests.js';

let engine: TestEngine;
beforeAll(async () => {
  engine = await startTestEngine();
});
afterAll(async () => {
  await expectMoneyInOrder(engine);
  await engine.stop();
});

const newHash = (): string => randomBytes(32).toString('hex');
const declare = async (payoutId: string, txHash: string): Promise<void> =>
  expect(await engine.api('POST', `/v1/payouts/${payoutId}/deposit`, { txHash })).toMatchObject({
    status: 200,
  });
const receive = (fields: Json): Promise<Json> =>
  engine.control('POST', '/deposits', { currency: 'USDT', ...fields });
/** A transaction that its payout has declared, by itself or after it came in. */
async function depositDeclared(payoutId: string, amount: string): Promise<Json> {
  const txHash = newHash();
  await declare(payoutId, txHash);
  return receive({ amount, txHash });
}
const untilReceived = (payoutId: string, received: string): Promise<Json> =>
  engine.until(payoutId, ({ deposit }) => deposit?.received === received, `received ${received}`);
const statusesOf = ({ timeline }: Json): string[] => [
  ...new Set<string>(timeline.map(({ status }: Json) => status)),
];

describe('deposits of declared transactions add up', () => {
  test('over two transactions: the first is kept, the second starts the payout', async () => {
    const { payoutId, deposit } = await engine.open();
    const first = await depositDeclared(payoutId, '500.5');
    const partly = await untilReceived(payoutId, '500.500000');
    const missing = subtractAmounts(deposit.amount, '500.5');
    expect(partly).toMatchObject({ status: 'awaiting_deposit', order: null, holdReason: null, flags: [] });
    expect(partly.deposit.missing).toBe(missing);
    expect(partly.timeline.at(-1).detail).toBe(`deposit of 500.5 USDT confirmed; ${missing} USDT missing`);
    await untilAllocated(engine, first.id);
    expect(await requestsTo(engine, ORDERS, payoutId)).toEqual([]);

    const second = await depositDeclared(payoutId, missing);
    const paid = await engine.untilStatus(payoutId, 'paid');
    expect(paid.deposit).toMatchObject({ received: deposit.amount, missing: '0.000000' });
    expect(paid.flags).toEqual([]);
    await untilAllocated(engine, second.id);
    await expectConvertedAndPaidOnce(engine, payoutId);
    expect(causesOf(await entriesOf(engine, payoutId)).slice(0, 3)).toEqual([
      'allocation',
      'allocation',
      'order',
    ]);
  });

  test('over three that come at the same moment', async () => {
    const { payoutId, deposit } = await engine.open();
    const rest = subtractAmounts(deposit.amount, '300.000001');
    const made = await Promise.all(
      ['100', '200.000001', rest].map((amount) => depositDeclared(payoutId, amount)),
    );
    const paid = await engine.untilStatus(payoutId, 'paid');
    expect(paid.deposit).toMatchObject({ received: deposit.amount, missing: '0.000000' });
    for (const { id } of made) await untilAllocated(engine, id);
    await expectConvertedAndPaidOnce(engine, payoutId);
    const causes = causesOf(await entriesOf(engine, payoutId));
    expect(causes.filter((cause) => cause === 'allocation')).toHaveLength(3);
  });

  test('also where to read each again takes longer than a request may wait until it leaves', async () => {
    await engine.control('POST', '/latency', {
      ms: 11_000,
      endpoint: 'GET /api/v1/balanceTransactions/{id}',
    });
    const wallet = {
      type: 'wallet',
      payerName: 'Example Trading Ltd',
      addr: 'TExampleRecipientAddress12345',
    };
    const opened = await Promise.all([
      engine.open(),
      engine.open({ currency: 'USDT', amount: '700', destination: wallet }),
    ]);
    for (const { payoutId, deposit } of opened) {
      const rest = subtractAmounts(deposit.amount, '300.000001');
      for (const amount of ['100', '200.000001', rest]) await depositDeclared(payoutId, amount);
    }
    for (const { payoutId } of opened) await engine.untilStatus(payoutId, 'paid');
    await engine.control('POST', '/latency', {});
    const database = new Pool({ connectionString: engine.databaseUrl, max: 1 });
    const sent = 'select operation, sends from provider_requests where payout_id = any($1) order by 1';
    const { rows } = await database.query(sent, [opened.map(({ payoutId }) => payoutId)]);
    await database.end();
    // None was given up on the way because it had waited too long.
    expect(rows.map(({ operation, sends }) => [operation, sends])).toEqual([
      ['order', 1],
      ['payout', 1],
      ['payout', 1],
    ]);
  });

  test('one that is larger than the whole deposit', async () => {
    const { payoutId, deposit } = await engine.open();
    const before = await balanceIn(engine, 'USDT');
    // Held back in the funding currency: what the sale leaves over would be owed as well.
    await engine.control('PATCH', '/settings', { settlement: 'manual' });
    const { id } = await depositDeclared(payoutId, '1000');
    const paying = await engine.untilStatus(payoutId, 'in_transit');
    expect(paying).toMatchObject({ deposit: { received: deposit.amount }, flags: ['EXCESS_DEPOSIT'] });
    const excess = subtractAmounts('1000', deposit.amount);
    expect(paying.timeline.map(({ detail }: Json) => detail)).toContain(
      `${excess} USDT more than needed was deposited; it is owed to the payout's owner`,
    );
    expect(subtractAmounts((await balanceIn(engine, 'USDT')).owed, before.owed)).toBe(excess);
    await untilAllocated(engine, id);
    await engine.control('PATCH', '/settings', { settlement: 'automatic' });
    await engine.untilStatus(payoutId, 'paid');
    await expectConvertedAndPaidOnce(engine, payoutId);
  });
});

describe('a deposit that is short at the deadline', () => {
  const shorts: { payoutId: string; missing: string; status: string }[] = [];
  beforeAll(async () => {
    const opened = await Promise.all(Array.from({ length: 3 }, () => engine.open()));
    await Promise.all(
      opened.map(async ({ payoutId }) => {
        await depositDeclared(payoutId, '700');
        expect(await untilReceived(payoutId, '700.000000')).toMatchObject({ status: 'awaiting_deposit' });
        await endDepositTime(engine, payoutId);
        const held = await engine.untilStatus(payoutId, 'held');
        shorts.push({ payoutId, missing: held.deposit.missing, status: held.holdReason });
      }),
    );
  });
  const takeShort = (): { payoutId: string; missing: string } => {
    const short = shorts.pop();
    if (short === undefined) throw new Error('every payout that is short has been taken');
    return short;
  };

  test('is held for a person, and shows what is missing', async () => {
    expect(shorts.map(({ status }) => status)).toEqual(shorts.map(() => 'UNDERFUNDED'));
    const { payoutId, missing } = takeShort();
    const held = (await engine.api('GET', `/v1/payouts/${payoutId}`)).body;
    expect(held).toMatchObject({ deposit: { received: '700.000000' }, failure: null, order: null });
    expect(Date.parse(held.timeline.at(-1).at)).toBeGreaterThanOrEqual(Date.parse(held.deposit.expiresAt));
    expect(held.timeline.at(-1)).toMatchObject({
      status: 'held',
      detail: `the deadline passed and ${addAmounts(missing)} USDT is missing`,
    });
    await untilHoldReasonShown(engine, payoutId, 'UNDERFUNDED');
  });

  test('goes on by itself when the rest comes in, in parts', async () => {
    const { payoutId, missing } = takeShort();
    await depositDeclared(payoutId, '1.5');
    expect(await untilReceived(payoutId, '701.500000')).toMatchObject({
      status: 'held',
      holdReason: 'UNDERFUNDED',
    });
    await depositDeclared(payoutId, subtractAmounts(missing, '1.5'));
    const paid = await engine.untilStatus(payoutId, 'paid');
    expect(statusesOf(paid)).toEqual([
      'opening',
      'awaiting_deposit',
      'held',
      'converting',
      'paying',
      'in_transit',
      'paid',
    ]);
    expect(paid).toMatchObject({ holdReason: null, deposit: { missing: '0.000000' }, flags: [] });
    await untilHoldReasonShown(engine, payoutId, undefined);
    await expectConvertedAndPaidOnce(engine, payoutId);
  });

  test('is owed to its owner when the payout is cancelled', async () => {
    const { payoutId } = takeShort();
    const before = await balanceIn(engine, 'USDT');
    expect(await engine.api('POST', `/v1/payouts/${payoutId}/cancel`)).toMatchObject({
      status: 200,
      body: { status: 'cancelled', holdReason: null },
    });
    const after = await balanceIn(engine, 'USDT');
    expect(subtractAmounts(after.owed, before.owed)).toBe('700');
    expect(subtractAmounts(before.inPayouts, after.inPayouts)).toBe('700');
    expect(causesOf(await entriesOf(engine, payoutId))).toEqual(['allocation', 'release']);
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toEqual([]);
  });
});
