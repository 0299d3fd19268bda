import { randomBytes } from 'node:crypto';
import { addAmounts, atCurrencyScale } from '../../src/domain/money.js';
import { balanceIn } from '../support/balances.js';
import {
  expectMoneyInOrder,
  noticeOf,
  untilAllocated,
  untilSynced,
  untilUnallocated,
  untilUnverified,
} from '../support/deposits.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import type { Answer, Json } from '../support/engine-client.js';
import { bodiesSentTo } from '../support/provider-view.js';
import { untilAnswer } from '../support/until-answer.js';

describe('whose a deposit is', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine({ env: { DEPOSIT_NOTICE_PATIENCE_SECONDS: '1' } });
  });
  afterAll(async () => {
    await expectMoneyInOrder(engine);
    await engine.stop();
  });

  const newHash = (): string => randomBytes(32).toString('hex');
  const deposit = (fields: Json): Promise<Json> =>
    engine.control('POST', '/deposits', { currency: 'USDT', ...fields });
  /** Its notice is there before its money can be read: a transaction is declared by its hash, which only that names. */
  const announced = async (fields: Json): Promise<Json> => {
    const pending = await deposit({ ...fields, confirm: false });
    await forge({ ...pending, status: 'confirmed', confirmations: 12 });
    await untilNoticed(pending.id);
    await engine.control('POST', `/deposits/${pending.id}/confirm`);
    return pending;
  };
  const untilNoticed = async (id: string): Promise<void> => {
    await untilAnswer(
      () => noticeOf(engine, id),
      (notice) => notice !== undefined,
      `notice of ${id}`,
    );
  };
  const declare = (payout: Json, txHash: string): Promise<Answer> =>
    engine.api('POST', `/v1/payouts/${payout.payoutId}/deposit`, { txHash });
  const read = async (payout: Json): Promise<Json> =>
    (await engine.api('GET', `/v1/payouts/${payout.payoutId}`)).body;
  const details = async (payout: Json): Promise<string[]> =>
    (await read(payout)).timeline.map((entry: Json) => entry.detail);
  const expectStillAwaiting = async (payout: Json): Promise<void> =>
    expect(await read(payout)).toMatchObject({
      status: 'awaiting_deposit',
      deposit: { amount: payout.deposit.amount, received: '0.000000' },
      order: null,
      providerPayoutId: null,
    });

  test('exactly the expected amount belongs to the payout that expects it', async () => {
    const [payout, other] = [await engine.open(), await engine.open()];
    const made = await engine.fund(payout);
    const paid = await engine.untilStatus(payout.payoutId, 'paid');
    expect(paid.deposit.received).toBe(payout.deposit.amount);
    expect(await details(payout)).toContain(`deposit of ${addAmounts(payout.deposit.amount)} USDT confirmed`);
    await untilAllocated(engine, made.id);
    await expectStillAwaiting(other);
  });

  test('a transaction can be declared again by the same payout, in any spelling, and by no other, nor by one that has ended', async () => {
    const [payout, other] = [await engine.open(), await engine.open()];
    const txHash = newHash();
    expect(await declare(payout, txHash)).toMatchObject({ status: 200, body: { payoutId: payout.payoutId } });
    expect(await declare(payout, `0x${txHash.toUpperCase()}`)).toMatchObject({ status: 200 });
    for (const spelling of [txHash, `0x${txHash.toUpperCase()}`]) {
      expect(await declare(other, spelling)).toMatchObject({
        status: 409,
        body: { code: 'TRANSACTION_DECLARED_ELSEWHERE' },
      });
    }
    await engine.api('POST', `/v1/payouts/${other.payoutId}/cancel`);
    expect(await declare(other, newHash())).toMatchObject({ status: 409, body: { code: 'PAYOUT_ENDED' } });
    const declarations = (await details(payout)).filter((detail) => detail.includes('declared'));
    expect(declarations).toHaveLength(1);
  });

  test('a declared transaction in another currency is unallocated', async () => {
    const payout = await engine.open();
    const txHash = newHash();
    await declare(payout, txHash);
    const wrong = await announced({ amount: payout.deposit.amount, currency: 'USDC', txHash });
    await untilUnallocated(engine, wrong.id, 'WRONG_CURRENCY');
    await expectStillAwaiting(payout);
    expect(await read(payout)).toMatchObject({ flags: ['WRONG_CURRENCY'] });
    expect(await details(payout)).toContain(
      `deposit of ${addAmounts(payout.deposit.amount)} USDC unallocated: WRONG_CURRENCY`,
    );
  });

  test.each([
    ['an amount that is one smallest unit too much', { surplus: 1 }],
    ['another currency', { currency: 'USDC' }],
  ])('%s is unallocated as unmatched', async (_name, { surplus, ...fields }: Json) => {
    // The highest of the expected amounts: one unit more is nobody's.
    const payout = await engine.open({ amount: '6100.00' });
    const amount = surplus === undefined ? payout.deposit.amount : plusUnits(payout.deposit.amount, surplus);
    const made = await deposit({ amount, ...fields });
    await untilUnallocated(engine, made.id, 'UNMATCHED_DEPOSIT');
    await expectStillAwaiting(payout);
  });

  test('a declared transaction that brings what another payout expects is unallocated', async () => {
    const [declaring, expecting] = [await engine.open(), await engine.open()];
    const txHash = newHash();
    await declare(declaring, txHash);
    const made = await announced({ amount: expecting.deposit.amount, txHash });
    await untilUnallocated(engine, made.id, 'CONFLICTING_MATCH');
    await expectStillAwaiting(declaring);
    await expectStillAwaiting(expecting);
  });

  test('money at another address than the payout names is unallocated', async () => {
    const { wallets } = await engine.control('GET', '/settings');
    const payout = await engine.open();
    await engine.control('PATCH', '/settings', {
      wallets: [{ currency: 'USDT', addr: 'TAnotherAddress0000000000000000000' }],
    });
    const made = await announced({ amount: payout.deposit.amount });
    await engine.control('PATCH', '/settings', { wallets });
    await untilUnallocated(engine, made.id, 'WRONG_ADDRESS');
    await expectStillAwaiting(payout);
  });

  test('a second deposit is owed to the owner while the payout runs, and late when it has ended', async () => {
    await engine.control('PATCH', '/settings', { settlement: 'manual' });
    const payout = await engine.open();
    await engine.fund(payout);
    await engine.untilStatus(payout.payoutId, 'in_transit');
    const before = await balanceIn(engine, 'USDT');
    const excess = await engine.fund(payout);
    await untilAllocated(engine, excess.id);
    const { amount } = payout.deposit;
    expect((await engine.api('GET', `/v1/deposits/${excess.id}`)).body).toMatchObject({
      status: 'allocated',
      allocations: [{ payoutId: null, owner: 'default', amount }],
    });
    expect(await read(payout)).toMatchObject({ status: 'in_transit', flags: ['EXCESS_DEPOSIT'] });
    expect((await balanceIn(engine, 'USDT')).owed).toBe(
      atCurrencyScale(addAmounts(before.owed, amount), 'USDT'),
    );

    await engine.control('PATCH', '/settings', { settlement: 'automatic' });
    await engine.untilStatus(payout.payoutId, 'paid');
    const late = await engine.fund(payout);
    await untilUnallocated(engine, late.id, 'LATE_DEPOSIT');

    expect(await read(payout)).toMatchObject({
      status: 'paid',
      deposit: { received: amount },
      flags: ['EXCESS_DEPOSIT', 'LATE_DEPOSIT'],
    });
    expect(await details(payout)).toEqual(
      expect.arrayContaining([
        `${addAmounts(amount)} USDT more than needed was deposited; it is owed to the payout's owner`,
        `deposit of ${addAmounts(amount)} USDT unallocated: LATE_DEPOSIT`,
      ]),
    );
    expect(await bodiesSentTo(engine, 'POST /api/v1/payouts', payout.payoutId)).toHaveLength(1);
  });

  test('a deposit counts when it is confirmed, not while it is pending', async () => {
    const payout = await engine.open();
    const pending = await deposit({ amount: payout.deposit.amount, confirm: false });
    // Even a notice that comes too early is believed only when the money is there.
    await forge({ ...pending, status: 'confirmed', confirmations: 12 });
    await untilNoticed(pending.id);
    await untilSynced(engine);
    await expectStillAwaiting(payout);
    await engine.control('POST', `/deposits/${pending.id}/confirm`);
    await engine.untilStatus(payout.payoutId, 'paid');
  });

  test('a notice without money changes nothing and shows as unverified', async () => {
    const payout = await engine.open();
    const lie = await deposit({ amount: payout.deposit.amount, money: false });
    await untilUnverified(engine, lie.id);
    await expectStillAwaiting(payout);
  });

  test('the amount that was read counts, not the one that was announced', async () => {
    const lured = await engine.open();
    const small = await deposit({ amount: '1.25', announcedAmount: lured.deposit.amount });
    await untilUnallocated(engine, small.id, 'UNMATCHED_DEPOSIT');
    await expectStillAwaiting(lured);
  });

  test('notices of one deposit, however many, are one deposit', async () => {
    const payout = await engine.open();
    const made = await engine.fund(payout);
    for (let notice = 0; notice < 3; notice += 1) await forge(made);
    await engine.untilStatus(payout.payoutId, 'paid');
    await untilAllocated(engine, made.id);
    await forge(made);
    await untilSynced(engine);
    expect(await noticeOf(engine, made.id)).toBeUndefined();
    expect((await details(payout)).filter((detail) => detail.startsWith('deposit of'))).toHaveLength(1);
  });

  /** An authentic notice that the provider had no reason to send. */
  async function forge(data: Json): Promise<void> {
    await engine.control('POST', '/events/forge', { type: 'deposit.confirmed', data, signature: 'valid' });
  }
});

function plusUnits(amount: string, units: number): string {
  const digits = String(BigInt(amount.replace('.', '')) + BigInt(units)).padStart(7, '0');
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`;
}
