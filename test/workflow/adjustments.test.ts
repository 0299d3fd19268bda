import { randomUUID } from 'node:crypto';
import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { availableIn, balanceIn, makeAvailable, owedIn } from '../support/balances.js';
import { untilSynced } from '../support/deposits.js';
import type { Answer, Json } from '../support/engine-client.js';
import { reconcile } from '../support/reconciliation.js';
import { useScenario } from '../support/scenario.js';
import { untilAnswer } from '../support/until-answer.js';

/** What persons put right in the books, and what it changes for payouts. */

const scenario = useScenario();

const adjust = (body: Json, key?: string): Promise<Answer> =>
  scenario.engine.api(
    'POST',
    '/v1/ledger/adjustments',
    { reason: 'as on the statement', ...body },
    key === undefined ? {} : { 'idempotency-key': key },
  );

const fromBalance = (amount: string) => scenario.payout({ funding: 'balance', amount });

test('K31: an account fee of 10 that a transaction shows brakes nothing: payouts from the balance go on', async () => {
  const { engine } = scenario;
  await makeAvailable(engine, 'CNY', '99005');
  await engine.control('POST', '/balances/adjust', { currency: 'CNY', amount: '-10', type: 'account_fee' });
  await untilSynced(engine);
  await (await fromBalance('5000').open()).isPaidOnce();
  await reconcile(engine);
  await untilSynced(engine);
  expect((await engine.api('GET', '/v1/brakes')).body.data).toEqual([]);
});

test('K31: one that nothing shows is booked by a person, once, and payouts go on', async () => {
  const { engine, provider } = scenario;
  const before = await availableIn(engine, 'CNY');
  await provider.adjust('CNY', '-10');
  const fee = { kind: 'account_fee', currency: 'CNY', amount: '10' };
  const key = randomUUID();
  for (let times = 0; times < 2; times += 1) {
    expect(await adjust(fee, key)).toMatchObject({
      status: 201,
      body: { ...fee, amount: '10.00', adjustmentId: key, actor: 'local', reason: 'as on the statement' },
    });
  }
  expect(await adjust({ ...fee, amount: '11' }, key)).toMatchObject({
    status: 422,
    body: { code: 'IDEMPOTENCY_KEY_REUSED' },
  });
  expect(await balanceIn(engine, 'CNY')).toMatchObject({ shortfall: '0.00', external: '0.00' });
  expect(subtractAmounts(before, await availableIn(engine, 'CNY'))).toBe('10');
  await (await fromBalance('5000').open()).isPaidOnce();
  const { body } = await engine.api('GET', '/v1/ledger/adjustments?currency=CNY');
  expect(body.data).toMatchObject([{ adjustmentId: key, kind: 'account_fee' }]);
});

test('a correction in either direction, and one beyond what QbitPay holds', async () => {
  const { engine, provider } = scenario;
  await makeAvailable(engine, 'USDT', '100');
  const before = addAmounts(await availableIn(engine, 'USDT'));
  for (const [amount, after] of [
    ['7', '7'],
    ['-3', '4'],
  ] as const) {
    await provider.adjust('USDT', amount);
    const body = { kind: 'correction', currency: 'USDT', amount };
    expect((await adjust(body)).status).toBe(201);
    expect(subtractAmounts(await availableIn(engine, 'USDT'), before)).toBe(after);
  }
  const beyond = { kind: 'correction', currency: 'USDT', amount: '-1000000' };
  expect(await adjust(beyond)).toMatchObject({ status: 422, body: { code: 'ADJUSTMENT_REFUSED' } });
  const negative = { kind: 'account_fee', currency: 'USDT', amount: '-1' };
  expect(await adjust(negative)).toMatchObject({ status: 400 });
});

test('a return that does not come is written off, and ends: nothing is pending for ever', async () => {
  const { engine, provider } = scenario;
  await provider.set({ returns: 'manual' });
  const payout = await (await scenario.payout().endsAs('failed')).funded();
  await payout.until(({ returnPending }) => returnPending === '5000.00', 'its return pending');
  const { providerPayoutId } = await payout.shown();
  const part = { fee: false, amount: '4000' };
  await engine.control('POST', `/payouts/${providerPayoutId}/return`, part);
  await payout.until(({ returnPending }) => returnPending === '1000.00', 'a part of it back');
  const writeOff = { kind: 'write_off', currency: 'CNY', payoutId: payout.id };
  expect(await adjust({ ...writeOff, amount: '1000.01' })).toMatchObject({ status: 422 });
  const before = await owedIn(engine, 'CNY');
  expect((await adjust({ ...writeOff, amount: '1000' })).status).toBe(201);
  expect(await payout.hasEnded('failed')).toMatchObject({ returnPending: null });
  await untilAnswer(
    () => owedIn(engine, 'CNY'),
    (now) => subtractAmounts(now, before) === '4000',
    'the rest owed',
  );
  expect(await adjust({ ...writeOff, amount: '1' })).toMatchObject({ status: 422 });
});
