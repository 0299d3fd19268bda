import { randomUUID } from 'node:crypto';
import { subtractAmounts } from '../../src/domain/money.js';
import { makeAvailable } from './balances.js';
import { releaseBrakes } from './brakes.js';
import type { Json } from './engine-client.js';
import { isOrderMovement, type HeldPayouts } from './held-payouts.js';
import { endDepositTime } from './payout-workflows.js';
import { ORDERS, PAYOUTS, TICKER } from './provider-requests.js';
import { ALWAYS, type Scenario } from './scenario.js';
import type { ScenarioPayout } from './scenario-payout.js';

/** What it takes to be held for each reason, where that is of no other test's concern. */

export interface Holds {
  readonly scenario: Scenario;
  readonly held: HeldPayouts;
}

type WayIn = (holds: Holds) => Promise<ScenarioPayout>;

/** QbitPay sells 300, and ends the order. */
export const holdUnfilled: WayIn = ({ held }) =>
  held.as('ORDER_NOT_FILLED', (payout) => payout.orderEndsAs('failed', '300'));

/** The last order has really brought in what QbitPay shows of it. */
export async function bringsInLess({ provider }: Scenario, shown: string): Promise<void> {
  const order = (await provider.call('GET', '/api/v1/orders?limit=1')).data[0];
  provider.rewrite(undefined);
  const { quoteAmount } = await provider.call('GET', `/api/v1/orders/${order.id}`);
  await provider.adjust('CNY', subtractAmounts(shown, String(quoteAmount)));
}

/** K20: 0.25 % less than it was sold for. */
export async function holdSlightlyShort({ scenario, held }: Holds): Promise<ScenarioPayout> {
  const payout = await held.as('ORDER_SHORT', (one) => one.isShownAs('order', { quoteAmount: 5_012.44 }));
  await bringsInLess(scenario, '5012.44');
  return payout;
}

/** The estimate is made at the opening; the ticker says something else when it is asked again. */
export function changeTickerAfter(
  { provider }: Scenario,
  readings: number,
  change: (ticker: Json) => Json,
): void {
  provider.rewrite((request, body) =>
    request.startsWith(TICKER) && (readings -= 1) < 0 ? { ...body, ...change(body) } : undefined,
  );
}

export const moved = (): Json => ({ bid: 6.5 });

export const aged = ({ timestamp }: Json): Json => ({ timestamp: timestamp - 26_000 });

export const holdMoved: WayIn = ({ scenario, held }) =>
  held.as('PRICE_MOVED', () => changeTickerAfter(scenario, 1, moved));

/** QbitPay refuses the price that it gave, again and again. */
export const holdUnpriced: WayIn = ({ held }) =>
  held.as('NO_USABLE_PRICE', (payout) =>
    payout.strike('invalid_request_error', ORDERS, { status: 402, times: ALWAYS }),
  );

export async function holdUnderfunded({ scenario }: Holds): Promise<ScenarioPayout> {
  const payout = await scenario.payout().open();
  const txHash = randomUUID().replaceAll('-', '').repeat(2);
  await scenario.engine.api('POST', `/v1/payouts/${payout.id}/deposit`, { txHash });
  await scenario.engine.control('POST', '/deposits', { currency: 'USDT', amount: '700', txHash });
  await payout.until(({ deposit }) => deposit.received === '700.000000', 'part of its deposit');
  await endDepositTime(scenario.engine, payout.id);
  await payout.isHeld('UNDERFUNDED');
  return payout;
}

export const holdConvertedByProvider: WayIn = ({ held }) =>
  held.as('CONVERTED_BY_PROVIDER', async (payout) => {
    await payout.endsAs('stuck');
    payout.isShownAs('payout', { trade: { id: 'tr_1', status: 'done' } });
  });

/** QbitPay keeps another id, and answers with another amount. */
export const holdContradicted: WayIn = ({ scenario, held }) =>
  held.as('ANSWER_CONTRADICTS', async () => {
    await scenario.provider.set({ externalOrderIds: 'prefixed' });
    scenario.provider.rewrite((request, body) =>
      request.startsWith('POST') && body?.object === 'payout' ? { ...body, amount: 4000 } : undefined,
    );
  });

export const holdHiddenOrder: WayIn = ({ held }) =>
  held.as('UNKNOWN_OUTCOME', async (payout) => {
    await payout.hideFromLists();
    await payout.strike('resetAfterEffect', ORDERS);
    await payout.strike('resetBeforeEffect', PAYOUTS);
  });

export const holdUnsentOrder: WayIn = ({ held }) =>
  held.as('UNKNOWN_OUTCOME', async (payout) => {
    await payout.hideFromLists();
    await payout.strike('resetBeforeEffect', ORDERS);
    await payout.strike('resetAfterEffect', PAYOUTS);
  });

export const strikeAsRefused = (endpoint: string) => (payout: ScenarioPayout) =>
  payout.strike('api_error', endpoint, { status: 402 });

/** What QbitPay refuses first is the order, and then the payout. */
export const holdTwiceRefused: WayIn = ({ held }) =>
  held.as('PROVIDER_REFUSED', async (payout) => {
    await strikeAsRefused(ORDERS)(payout);
    await strikeAsRefused(PAYOUTS)(payout);
  });

const hideSingle = ({ provider }: Scenario, endpoint: string): Promise<Json> =>
  provider.strike('invalid_request_error', endpoint, { status: 404, times: ALWAYS });

/** QbitPay accepted the payout, and does not show it any more. */
export function holdUnshown({ scenario, held }: Holds): Promise<ScenarioPayout> {
  return held.as('STATUS_NOT_KNOWN', async (payout) => {
    await payout.hideFromLists();
    await hideSingle(scenario, 'GET /api/v1/payouts/{id}');
  });
}

/** QbitPay ended the order filled in part, and does not show it any more. */
export function holdUnshownOrder({ scenario, held }: Holds): Promise<ScenarioPayout> {
  return held.as('ORDER_UNCLEAR', async (payout) => {
    await payout.orderEndsAs('cancelled', '300');
    await payout.hideFromLists(isOrderMovement);
    await hideSingle(scenario, 'GET /api/v1/orders/{id}');
  });
}

/** QbitPay sends the money back, and calls that something else. */
export function holdEndedInOtherWords({ scenario, held }: Holds): Promise<ScenarioPayout> {
  return held.as('STATUS_NOT_KNOWN', async (payout) => {
    await scenario.provider.set({ returns: 'manual' });
    await payout.endsAs('failed');
    payout.isShownAs('payout', { status: 'bounced' });
  });
}

/** QbitPay goes on to call its order pending. */
export async function holdOverdueOrder({ held }: Holds): Promise<ScenarioPayout> {
  return held.as('ORDER_OVERDUE', (payout) => payout.isShownAs('order', { status: 'pending' }));
}

/** QbitPay does not show it any more, and no event tells. */
export async function holdVanished({ scenario }: Holds): Promise<ScenarioPayout> {
  const payout = await scenario.payout().inTransit();
  const { providerPayoutId } = await payout.shown();
  await scenario.engine.control('POST', `/payouts/${providerPayoutId}/forget`, {});
  await payout.isHeld('STATUS_NOT_KNOWN');
  return payout;
}

/** Its deposit is taken back by QbitPay before it is used. */
export async function holdMissing({ scenario }: Holds): Promise<ScenarioPayout> {
  const payout = await scenario.payout().open();
  await payout.decide('hold');
  const opened = await payout.shown();
  const { id } = await scenario.engine.fund(opened);
  await payout.until(({ deposit }) => deposit.missing === '0.000000', 'funded');
  await scenario.engine.control('POST', `/deposits/${id}/forget`, {});
  await scenario.provider.adjust('USDT', `-${opened.deposit.amount}`);
  await payout.decide('resume');
  await payout.isHeld('DEPOSIT_MISSING');
  // Others need not wait for the deposit that is gone.
  expect(await releaseBrakes(scenario.engine)).toMatchObject([{ kind: 'DEPOSIT_GONE', currency: 'USDT' }]);
  return payout;
}

/** QbitPay pays the payout to another account than the one asked for. */
export const holdForOtherAccount = ({ held }: Holds): Promise<ScenarioPayout> =>
  held.as('DESTINATION_DIFFERS', async (one) => {
    await one.endsAs('stuck');
    one.isShownAs('payout', { destination: { type: 'bankAccount', bankAccountNum: '6222020200110000' } });
  });

/** QbitPay took the payout out of another currency than the one asked for. */
export async function holdInOtherCurrency({ scenario, held }: Holds): Promise<ScenarioPayout> {
  await makeAvailable(scenario.engine, 'USDT', '6001');
  const payout = await held.as('CURRENCY_DIFFERS', async (one) => {
    await one.endsAs('stuck');
    one.isShownAs('payout', { currency: 'USDT' });
  });
  await scenario.provider.adjust('USDT', '-5025');
  await scenario.provider.adjust('CNY', '5025');
  return payout;
}
