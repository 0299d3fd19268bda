import { randomUUID } from 'node:crypto';
import { FAILURES } from '../../src/domain/failure-type.js';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { addAmounts } from '../../src/domain/money.js';
import { makeAvailable, owedIn } from '../support/balances.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import {
  closeAsOver,
  closeUnsent,
  useScenarioThatHolds,
  withoutOrderMovements,
} from '../support/held-payouts.js';
import { currentDetailsOf } from '../support/payout-workflows.js';
import { detailsOf, ORDERS, PAYOUTS } from '../support/provider-requests.js';
import { ALWAYS } from '../support/scenario.js';
import { REASON, type ScenarioPayout } from '../support/scenario-payout.js';
import { untilAnswer } from '../support/until-answer.js';

/** Before a decision of a person is carried out, QbitPay is asked for what it has: what that makes of the decision. */

const { scenario, held } = useScenarioThatHolds();
const { provider } = scenario;

describe('an order that is to be closed as over', () => {
  const showAs = (payout: ScenarioPayout, change: Json, isShown = true): void =>
    provider.rewrite((_request, body) => {
      const movements = isShown ? undefined : withoutOrderMovements(body);
      return movements ?? (payout.isOwn('order', body) ? { ...body, ...change } : undefined);
    });
  const close = { action: 'close' };
  /** What 300 USDT brought in. */
  async function isClosedOwing2091(payout: ScenarioPayout): Promise<void> {
    const before = await owedIn(scenario.engine, 'CNY');
    await closeAsOver(scenario, payout);
    expect(addAmounts(await owedIn(scenario.engine, 'CNY'), `-${before}`)).toBe('2091');
  }

  test('is not while QbitPay calls it pending or filled: its money is not available', async () => {
    const payout = await held.unclear();
    for (const status of ['pending', 'filled']) {
      showAs(payout, { status });
      await payout.isRefused('resolve', new RegExp(`calls the order ${status}: resume`), close);
    }
    expect(await payout.shown()).toMatchObject({ status: 'held', holdReason: 'ORDER_UNCLEAR' });
    provider.rewrite(undefined);
    await isClosedOwing2091(payout);
  });

  test('is not in an unknown word before what it moved shows', async () => {
    const payout = await held.as('STATUS_NOT_KNOWN', async (one) => {
      await one.orderEndsAs('cancelled', '300');
      showAs(one, { status: 'expired' }, false);
    });
    for (const quoteAmount of [undefined, 2_091]) {
      showAs(payout, { status: 'expired', quoteAmount }, false);
      await payout.isRefused('resolve', /does not show all that the order moved/, close);
    }
    showAs(payout, { status: 'expired' });
    await isClosedOwing2091(payout);
  });
});

const returnsIn = (postings: readonly Json[]): number =>
  new Set(postings.filter(({ cause }) => cause === 'return').map(({ entryId }) => entryId)).size;

describe('an attempt that failed', () => {
  // Whether a decision or the sync reads it first.
  test('is past a retry and a cancel once QbitPay has paid it after all', async () => {
    const payout = await held.failed();
    await payout.untilMoneyBack();
    await payout.advance('paid');
    for (const answer of await Promise.all([payout.operate('retry'), payout.cancel()])) {
      expect(answer).toMatchObject({ status: 409 });
      expect(answer.body.detail).toMatch(/has .* as paid|has ended as paid/);
    }
    await payout.isPaidOnce();
    expect(await payout.requests(PAYOUTS, '~2')).toHaveLength(0);
  });

  test('and was paid after all, for a higher fee than was booked: what is beyond its money is a shortfall', async () => {
    const payout = await held.failedForNow();
    payout.isShownAs('payout', { status: 'paid', fee: 26 });
    await makeAvailable(scenario.engine, 'CNY', '10');
    await payout.becomes('paid');
    await provider.adjust('CNY', '-1');
  });

  test('and lives after all beside the one after it: held for a person, whose adoption of the last one ends it', async () => {
    const payout = await held.failed();
    const { providerPayoutId } = await payout.shown();
    const announce = async (status: string): Promise<void> => {
      const data = { id: providerPayoutId, object: 'payout', status, externalOrderId: payout.id };
      await scenario.engine.control('POST', '/events/forge', { type: `payout.${status}`, data });
    };
    await payout.endsAs('stuck', '~2');
    await payout.retryWhenMoneyIsBack();
    const second = await payout.becomes('in_transit');
    await announce('failed');
    await scenario.engine.control('POST', `/payouts/${providerPayoutId}/overwrite`, { status: 'paid' });
    expect((await payout.shown()).status).toBe('in_transit');
    await announce('paid');
    const shown = await payout.isHeld('DUPLICATE_AT_PROVIDER');
    expect(detailsOf(shown).at(-1)).toBe(
      `QbitPay has payout ${providerPayoutId} as paid of the attempt before, beside ${payout.id}~2`,
    );
    expect(second.providerPayoutId).not.toBe(providerPayoutId);
    const adoptSecond = { action: 'adopt', providerPayoutId: second.providerPayoutId };
    await payout.isRefused('resolve', new RegExp(`has ${providerPayoutId} as paid: adopt that`), adoptSecond);
    await payout.advance('paid', second.providerPayoutId);
    await payout.decide('resolve', adoptSecond);
    const paid = await payout.becomes('paid');
    expect(paid).toMatchObject({ providerPayoutId: second.providerPayoutId, flags: ['SURPLUS_AT_PROVIDER'] });
  });

  test('is paid after all beside the one after it, which fails: adopted, and nothing is paid twice', async () => {
    await makeAvailable(scenario.engine, 'CNY', '6000');
    const payout = await held.failed();
    const { providerPayoutId: first } = await payout.shown();
    await payout.endsAs('stuck', '~2');
    await payout.retryWhenMoneyIsBack();
    const { providerPayoutId: second } = await payout.becomes('in_transit');
    const [adoptFirst, adoptSecond] = [first, second].map((id) => ({
      action: 'adopt',
      providerPayoutId: id,
    }));
    await payout.advance('paid', first);
    await payout.isHeld('DUPLICATE_AT_PROVIDER');
    await payout.isRefused('resolve', new RegExp(`has ${second} as .*: have it cancelled first`), adoptFirst);

    await provider.set({ returns: 'manual' });
    await payout.advance('failed', second);
    await payout.isReadAgain();
    await payout.isRefused('resolve', new RegExp(`has ${first} as paid: adopt that`), adoptSecond);
    expect((await payout.cancel()).status).toBe(409);
    await payout.decide('resolve', adoptFirst);
    expect(await payout.hasEnded('paid')).toMatchObject({ providerPayoutId: first, flags: ['REOPENED'] });
    // What the second one took comes back to a payout that is paid, and stays paid.
    await scenario.engine.control('POST', `/payouts/${second}/return`, {});
    await payout.until(({ postings }) => returnsIn(postings) === 2, 'both returned');
    await payout.isPaidOnce();
    expect(await payout.requests(PAYOUTS, '~3')).toHaveLength(0);
  });

  test('and the one after it is held: the workflow waits for news of that one', async () => {
    const payout = await held.failed();
    await provider.strike('resetBeforeEffect', PAYOUTS, { externalOrderId: `${payout.id}~2` });
    await payout.retryWhenMoneyIsBack();
    await payout.isHeld('UNKNOWN_OUTCOME');
    await payout.isReadAgain();
    const { historyLength } = await payout.workflow.describe();
    await payout.isReadAgain();
    expect((await payout.workflow.describe()).historyLength - historyLength).toBeLessThan(10);
    await closeUnsent(payout);
  });

  test('is not made again before its money is back, nor when its fee is lost: the rest does not suffice', async () => {
    const payout = await held.failedForNow();
    const { providerPayoutId } = await payout.shown();
    await payout.isRefused('retry', /money has not come back/);
    await scenario.engine.control('POST', `/payouts/${providerPayoutId}/return`, { fee: false });
    await payout.untilMoneyBack();
    await payout.isRefused('retry', /does not suffice for another attempt and its fee/);
    expect(await payout.requests(PAYOUTS, '~2')).toHaveLength(0);
    await payout.cancelReleasing('CNY');
  });
});

describe('what QbitPay has', () => {
  /** Another payout under the same id, of whoever made it; it is not paid by itself. */
  async function makeAnother(payout: ScenarioPayout): Promise<Json> {
    await makeAvailable(scenario.engine, 'CNY', '6000');
    await payout.endsAs('stuck');
    const { destination } = payoutRequest();
    const another = { amount: 5000, currency: 'CNY', externalOrderId: payout.id, destination };
    return provider.call('POST', '/api/v1/payouts', another);
  }

  test('although it said that it refused the order: it is adopted, and the payout goes on with it', async () => {
    const payout = await held.refused(ORDERS);
    await makeAvailable(scenario.engine, 'USDT', '1000');
    const body = { symbol: 'USDT/CNY', side: 'sell', amount: 720.946916, price: 6.97 };
    const order = await provider.call('POST', '/api/v1/orders', { ...body, externalOrderId: payout.id });
    expect(await payout.isPaidOnce()).toMatchObject({ order: { providerOrderId: order.id } });
  });

  test('is not known while it does not answer: what was sent is not cancelled, what never was is', async () => {
    const payout = await held.refusedDestination();
    const unsent = await held.byOperator();
    for (const endpoint of [ORDERS, PAYOUTS]) {
      const list = endpoint.replace('POST', 'GET');
      await scenario.engine.control('POST', '/faults', { kind: 'api_error', endpoint: list, times: ALWAYS });
    }
    expect(await payout.cancel()).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
    expect(await payout.shown()).toMatchObject({ status: 'held' });
    expect(await unsent.cancel()).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    await payout.workflow.cancel();
    await untilAnswer(
      () => currentDetailsOf(scenario.engine, payoutWorkflowId(payout.id)),
      (details) => details.includes(`it was not cancelled: ${FAILURES.PROVIDER_UNAVAILABLE.meaning}`),
      'not cancelled',
    );
    await provider.heal();
    await payout.cancelReleasing('CNY');
  });

  test('beside what failed: adopted it is another attempt, and is paid as one', async () => {
    const payout = await held.failed();
    await payout.untilMoneyBack();
    const { id } = await makeAnother(payout);
    await payout.isRefused('retry', new RegExp(`has ${id} as .*: have it cancelled first`));
    await payout.decide('resolve', { action: 'adopt', providerPayoutId: id });
    await payout.advance('paid', id);
    await payout.isPaidOnce();
  });

  test('an order that does not say whose it is: only its adoption is taken', async () => {
    const isNamed = (body: Json): boolean => body?.object === 'order' && body.externalOrderId !== undefined;
    const unnamed = (body: Json): Json => ({ ...body, externalOrderId: undefined });
    const payout = await held.as('UNKNOWN_OUTCOME', async (payout) => {
      provider.rewrite((_request, body) =>
        isNamed(body)
          ? unnamed(body)
          : body?.object === 'list'
            ? { ...body, data: body.data.map((one: Json) => (isNamed(one) ? unnamed(one) : one)) }
            : undefined,
      );
      await payout.strike('resetAfterEffect', ORDERS);
    });
    await payout.isRefused('resolve', /which may be it/, { action: 'close' });
    await payout.isRefused('resolve', /which may be it/, { action: 'resend' });
    const [sent, ...others] = await payout.requests(ORDERS);
    expect(others).toEqual([]);
    await payout.decide('resolve', { action: 'adopt', providerPayoutId: sent.effects[0] });
    await payout.isPaidOnce();
  });

  test("is adopted only if it is there and the payout's own", async () => {
    const other = await scenario.payout().funded();
    const { providerPayoutId } = await other.becomes('paid');
    const payout = await held.unsent(PAYOUTS);
    for (const foreign of [providerPayoutId, randomUUID(), '../balances/show', 'a?b']) {
      await payout.isRefused('resolve', /shows no |carries another externalOrderId/, {
        action: 'adopt',
        providerPayoutId: foreign,
      });
    }
    expect(await payout.shown()).toMatchObject({ status: 'held', providerPayoutId: null });
    // What the workflow itself is told is refused at once, and leaves no event.
    const before = await payout.updates();
    for (const resolution of [
      { action: 'pay' },
      { action: 'adopt' },
      { action: 'adopt', providerPayoutId: '..' },
    ]) {
      const decision = { actor: 'night shift', reason: REASON, ...resolution };
      await expect(
        payout.workflow.executeUpdate('resolvePayout', { args: [decision] }),
      ).rejects.toMatchObject({ cause: { type: 'OPERATION_REFUSED' } });
    }
    expect(await payout.updates()).toBe(before);
    await closeUnsent(payout);
  });
});
