import { randomUUID } from 'node:crypto';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { owedIn, makeAvailable } from '../support/balances.js';
import type { Json } from '../support/engine-client.js';
import { timesHeld, useScenarioThatHolds } from '../support/held-payouts.js';
import { currentDetailsOf, resetToFirstUpdate } from '../support/payout-workflows.js';
import { detailsOf, ORDERS, PAYOUTS } from '../support/provider-requests.js';
import { ALWAYS } from '../support/scenario.js';
import { REASON, type ScenarioPayout } from '../support/scenario-payout.js';
import { attachTestStore, hintPayout } from '../support/test-store.js';
import { untilAnswer } from '../support/until-answer.js';

/** What persons decide about a payout: when it is taken, when it is refused, and that it is carried out once. */

const { scenario, held } = useScenarioThatHolds();
const { provider } = scenario;

describe('on hold by an operator', () => {
  test("a deposit that comes in meanwhile is the payout's own, and waits with it", async () => {
    const payout = await held.byOperator();
    await payout.fund();
    await payout.until((payout) => payout.deposit.missing === '0.000000', 'its deposit');
    expect(await payout.shown()).toMatchObject({ status: 'held', holdReason: 'HELD_BY_OPERATOR' });
    expect(await payout.requests(ORDERS)).toHaveLength(0);
    await payout.decide('resume');
    await payout.isPaidOnce();
  });

  test('while it waits for the available balance: what becomes available is not its own until it goes on', async () => {
    const payout = await scenario.payout({ funding: 'balance', amount: '90000.00' }).open();
    await payout.becomes('awaiting_balance');
    await payout.decide('hold');
    await makeAvailable(scenario.engine, 'CNY', '90450');
    await payout.isHeld('HELD_BY_OPERATOR');
    await payout.decide('resume');
    await payout.isPaidOnce();
  });

  test('while it is converting: nothing is sent until it goes on; while it is paying: cancelled, its money is owed', async () => {
    const payout = scenario.payout();
    await payout.strike('rate_limit_error', ORDERS, { times: ALWAYS });
    await payout.funded();
    await payout.becomes('converting');
    await payout.decide('hold');
    await payout.isHeld('HELD_BY_OPERATOR');
    await provider.heal();
    expect((await payout.requests(ORDERS)).flatMap(({ effects }) => effects)).toEqual([]);
    await payout.strike('rate_limit_error', PAYOUTS, { times: ALWAYS });
    await payout.decide('resume');
    await payout.becomes('paying');
    await payout.decide('hold');
    const before = await owedIn(scenario.engine, 'CNY');
    // Not before readings have shown that the refusal had no effect.
    await untilAnswer(
      () => payout.cancel(),
      (answer) => answer.status === 200,
      'the refusal borne out',
    );
    await payout.becomes('cancelled');
    expect(Number(await owedIn(scenario.engine, 'CNY'))).toBeGreaterThan(Number(before));
    expect((await payout.requests(PAYOUTS)).flatMap(({ effects }) => effects)).toEqual([]);
  });

  test('in transit: it cannot be cancelled, and goes on where it was; that the attempt fails is then what it is held for', async () => {
    const payout = await scenario.payout().inTransit();
    await payout.decide('hold');
    await payout.isHeld('HELD_BY_OPERATOR');
    expect(await payout.cancel()).toMatchObject({ status: 409, body: { code: 'CANCEL_REFUSED' } });
    await payout.decide('resume');
    await payout.becomes('in_transit');
    await payout.decide('hold');
    await payout.advance('failed');
    await payout.isHeld('ATTEMPT_FAILED');
    await payout.retryWhenMoneyIsBack();
    await payout.isPaidOnce();
  });
});

const named = ({ id }: ScenarioPayout, operation: string, key: string) =>
  scenario.engine.api(
    'POST',
    `/v1/payouts/${id}/${operation}`,
    { reason: REASON },
    { 'idempotency-key': key },
  );

describe('sent again, because its answer was lost', () => {
  test('what was carried out under its name stays as it is, whatever came after it', async () => {
    const payout = await scenario.payout().open();
    expect(await named(payout, 'hold', 'night-1')).toMatchObject({ status: 200, body: { status: 'held' } });
    expect(await named(payout, 'hold', 'night-1')).toMatchObject({ status: 200, body: { status: 'held' } });
    await payout.decide('resume');
    expect(await named(payout, 'hold', 'night-1')).toMatchObject({ body: { status: 'awaiting_deposit' } });
    expect(timesHeld((await payout.shown()).timeline)).toBe(1);
    // Another decision under the same name is another one.
    expect(await named(payout, 'resume', 'night-1')).toMatchObject({ status: 409 });
    await payout.cancel();
  });

  test('another attempt, by a worker that died before Temporal heard of it: it is made', async () => {
    const payout = await held.failedForNow();
    const { providerPayoutId } = await payout.shown();
    await scenario.engine.stopWorker();
    await scenario.engine.control('POST', `/payouts/${providerPayoutId}/return`, {});
    const { store, close } = attachTestStore(scenario.engine.databaseUrl);
    const path = `/api/v1/balanceTransactions?source=${providerPayoutId}&type=payout_failure`;
    const { data } = await provider.call('GET', path);
    const [{ id, currency, amount, net = amount }] = data;
    const returned = { balanceTransactionId: id, currency, net: String(net) };
    await store.requests.recordReturn(payout.id, { providerPayoutId, ...returned });
    const decision = { operationId: randomUUID(), payoutId: payout.id, actor: 'local', reason: REASON };
    expect(await store.decisions.retry({ ...decision, isCovered: true })).toEqual({ ok: true });
    await hintPayout(scenario.engine.databaseUrl, payout.id);
    await close();
    await scenario.engine.startWorker();
    await payout.isPaidOnce();
  });

  test('another attempt that has failed by now: its money is still awaited', async () => {
    await provider.set({ returns: 'manual' });
    const payout = await held.refusedDestination();
    await payout.endsAs('failed', '~2');
    expect(await named(payout, 'retry', 'night-3')).toMatchObject({ status: 200 });
    const { providerPayoutId } = await payout.isHeld('ATTEMPT_FAILED');
    expect(await named(payout, 'retry', 'night-3')).toMatchObject({ status: 200 });
    await scenario.engine.control('POST', `/payouts/${providerPayoutId}/return`, {});
    await payout.untilMoneyBack();
    await payout.cancelReleasing('CNY');
  });

  test('of a payout that is not open yet: it is held, and opens when it is resumed', async () => {
    const endpoint = 'GET /api/v1/accounts/show';
    await provider.strike('api_error', endpoint, { times: ALWAYS });
    const payout = await scenario.payout().startedDirectly();
    await payout.becomes('opening');
    await payout.isRefused('resume', /the payout is opening, not held/);
    for (const times of [1, 1]) {
      expect(await named(payout, 'hold', 'night-4')).toMatchObject({ status: 200, body: { status: 'held' } });
      expect(timesHeld((await payout.shown()).timeline)).toBe(times);
    }
    await provider.heal();
    expect(await named(payout, 'resume', 'night-4')).toMatchObject({ status: 200 });
    await payout.becomes('awaiting_deposit');
    await payout.cancel();
  });
});

test('K45: what the store refuses, and what it has carried out before, uses up no update', async () => {
  const payout = await scenario.payout().inTransit();
  await named(payout, 'hold', 'night-5');
  const before = await payout.updates();
  for (const times of [1, 1]) {
    expect(await payout.cancel()).toMatchObject({ status: 409, body: { code: 'CANCEL_REFUSED' } });
    expect(await named(payout, 'hold', 'night-5')).toMatchObject({ status: 200, body: { status: 'held' } });
    expect(await named(payout, 'hold', 'night-6')).toMatchObject({ status: 409 });
    expect(await named(payout, 'retry', 'night-6')).toMatchObject({ status: 409 });
    expect(timesHeld((await payout.shown()).timeline)).toBe(times);
  }
  expect(await payout.updates()).toBe(before);
  // Held or not, paid wins.
  await payout.advance('paid');
  await payout.isPaidOnce();
});

test('K47: another attempt elsewhere: both destinations are kept, and whoever asked first sees the change', async () => {
  const payout = await held.refusedDestination();
  const asked = { attempt: 1, type: 'bankAccount', accountEnding: '3445' };
  expect(await payout.shown()).toMatchObject({ destinationChanged: false, destinations: [asked] });
  const destination = { type: 'Alipay', payerName: 'Another Trading Ltd', bankAccountNum: '13800000000' };
  const elsewhere = { attempt: 2, type: 'Alipay', accountEnding: '0000' };
  const changed = { destinationChanged: true, destinations: [asked, elsewhere] };
  const before = await payout.updates();
  for (const impossible of [{}, { type: 'Alipay' }, 'nowhere']) {
    const decision = { actor: 'night shift', reason: REASON, destination: impossible };
    await expect(payout.workflow.executeUpdate('retryPayout', { args: [decision] })).rejects.toMatchObject({
      cause: { type: 'OPERATION_REFUSED' },
    });
  }
  expect(await payout.updates()).toBe(before);
  expect(await payout.decide('retry', { destination })).toMatchObject(changed);
  const paid = await payout.isPaidOnce();
  expect(detailsOf(paid)).toContain(
    `another attempt to Alipay …0000 instead of bankAccount …3445, says local: ${REASON}`,
  );
  expect((await payout.requests(PAYOUTS, '~2')).map(({ body }) => body.destination)).toEqual([destination]);
  // The event of the second attempt carries its number and is the payout's all the same.
  const [{ id }] = await payout.living();
  const { data } = await scenario.engine.control('GET', `/events?type=payout.paid&subject=${id}`);
  expect(data[0].body.data.externalOrderId).toBe(`${payout.id}~2`);
  // The first request is the same one for ever, and the second content another.
  expect(await payout.request()).toMatchObject({ status: 200, body: { status: 'paid', ...changed } });
  expect(await payout.request({ destination })).toMatchObject({ status: 409 });
  expect(JSON.stringify(await payout.shown())).not.toMatch(/13800000000|Another Trading|6222020200112233445/);
});

describe('a workflow that the store is ahead of', () => {
  async function heldInStore(): Promise<ScenarioPayout> {
    const payout = await scenario.payout().open();
    const { store, close } = attachTestStore(scenario.engine.databaseUrl);
    const hold = { payoutId: payout.id, operationId: 'elsewhere', actor: 'local', reason: REASON };
    await store.decisions.hold(hold).finally(close);
    return payout;
  }

  test('takes what the store makes possible, and refuses what it makes senseless: whoever decides has read it there', async () => {
    const payout = await heldInStore();
    const { status, hold } = await payout.shown();
    expect({ status, actions: hold.actions }).toEqual({ status: 'held', actions: ['resume', 'cancel'] });
    await payout.isRefused('hold', /the payout is held/);
    await payout.isRefused('retry', /held as HELD_BY_OPERATOR: possible are resume, cancel/);
    expect(await payout.workflow.query('getStatus')).toBe('awaiting_deposit');
    expect(await payout.decide('resume')).toMatchObject({ status: 'awaiting_deposit' });
    await payout.cancel();
  });
});

// Which action is taken in which status, and of which hold, is a unit's test.
test('without sense are resume, resolve and retry as long as nobody has to decide, and everything once it has ended', async () => {
  const decisions: readonly [string, Json?][] = [['resume'], ['resolve', { action: 'resend' }], ['retry']];
  const payout = await scenario.payout().open();
  for (const [operation, more] of decisions) {
    await payout.isRefused(operation, /the payout is awaiting_deposit, not held/, more);
  }
  expect(await payout.shown()).toMatchObject({ status: 'awaiting_deposit' });
  await payout.cancel();
  for (const [operation, more] of [['hold'] as const, ...decisions]) {
    await payout.isRefused(operation, /cancelled/, more);
  }
});

/** The workflow has taken over what the store says. */
const currentDetailsShow = ({ id }: ScenarioPayout, status: string): Promise<string> =>
  untilAnswer(
    () => currentDetailsOf(scenario.engine, payoutWorkflowId(id)),
    (details) => details.startsWith(`**${status}**`),
    status,
  );

describe('carried out again', () => {
  const decidedBy = (payout: Json): string[] =>
    detailsOf(payout).filter((detail) => detail.includes('night shift'));

  test('by a reset of its workflow: what was decided stays decided, once', async () => {
    // Without the API, whose opening is an update too.
    const payout = await scenario.payout().startedDirectly();
    await payout.becomes('awaiting_deposit');
    await currentDetailsShow(payout, 'awaiting_deposit');
    for (const update of ['holdPayout', 'resumePayout']) {
      await payout.workflow.executeUpdate(update, { args: [{ actor: 'night shift', reason: REASON }] });
    }
    await resetToFirstUpdate(scenario.engine, payout.id);
    await payout.cancel();
    expect(await payout.workflow.result()).toMatchObject({ status: 'cancelled' });
    expect(decidedBy(await payout.shown())).toEqual([
      `held by night shift: ${REASON}`,
      `resumed by night shift: ${REASON}`,
    ]);
  });
});

describe('by a Temporal client', () => {
  const DECISION = { actor: 'night shift', reason: REASON };
  test('the same updates are taken, with their actor', async () => {
    const payout = await scenario.payout().open();
    await payout.workflow.executeUpdate('holdPayout', { args: [DECISION] });
    const shown = await payout.isHeld('HELD_BY_OPERATOR');
    expect(detailsOf(shown).at(-1)).toBe(`held by night shift: ${REASON}`);
    expect(await payout.workflow.executeUpdate('resumePayout', { args: [DECISION] })).toEqual({
      status: 'awaiting_deposit',
    });
    expect(detailsOf(await payout.shown()).at(-1)).toBe(`resumed by night shift: ${REASON}`);
    await payout.cancel();
  });

  test('what makes no sense is refused at once and leaves no event', async () => {
    const payout = await held.byOperator();
    const before = await payout.updates();
    for (const [update, argument] of [
      ['holdPayout', DECISION],
      ['retryPayout', DECISION],
      ['resolvePayout', { ...DECISION, action: 'resend' }],
      ['resumePayout', { actor: 'night shift' }],
      ['resumePayout', { reason: REASON }],
      ['resumePayout', { ...DECISION, reason: ' ' }],
      ['resumePayout', { ...DECISION, reason: 'as agreed\u0000' }],
      ['resumePayout', { ...DECISION, reason: 'x'.repeat(257) }],
      ['resumePayout', undefined],
    ] as const) {
      const refused = payout.workflow.executeUpdate(update, { args: [argument] });
      await expect(refused).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
      await expect(refused).rejects.toMatchObject({ cause: { type: 'OPERATION_REFUSED' } });
    }
    expect(await payout.updates()).toBe(before);
    await payout.cancel();
  });
});
