import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { owedIn } from '../support/balances.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import type { Json } from '../support/engine-client.js';
import { historyOf } from '../support/histories.js';
import { availableBalances, bodiesSentTo } from '../support/provider-view.js';

const ORDERS = 'POST /api/v1/orders';
const PAYOUTS = 'POST /api/v1/payouts';
const WALLET = {
  type: 'wallet',
  payerName: 'Example Trading Ltd',
  addr: 'TExampleRecipientAddress1234567890',
};

/** The same-currency payouts of both fee sides: what is asked for, and what has to happen at the provider. */
const SAME_CURRENCY = {
  currency: 'USDT',
  fundingCurrency: 'USDT',
  destination: WALLET,
};

interface Expected {
  /** What has to be deposited, before it is rounded up and gets its tail. */
  readonly needed: string;
  /** What is sold; undefined where there must be no order. */
  readonly sale?: string;
  readonly posted: string;
  readonly fee: string;
  readonly received: string;
  /** What is left of it in the account, beside rounding and tail of the deposit. */
  readonly left: Record<string, string>;
}

/** Every other combination is a unit's test. */
const FEE_SIDES: Record<'added' | 'deducted', readonly (readonly [string, Json, Expected])[]> = {
  added: [
    [
      'receive: the recipient gets the amount',
      { amountMode: 'receive', amount: '7351.37' },
      {
        needed: '1071.508742',
        sale: '1060.899744',
        posted: '7351.37',
        fee: '36.76',
        received: '7351.37',
        left: { USDT: '10.608998', CNY: '0.01' },
      },
    ],
    [
      'send in the funding currency: no order',
      { ...SAME_CURRENCY, amountMode: 'send', amount: '300' },
      {
        needed: '300.000000',
        posted: '298.507462',
        fee: '1.492538',
        received: '298.507462',
        left: { USDT: '0', CNY: '0' },
      },
    ],
  ],
  deducted: [
    [
      'send: exactly the amount is sold',
      { amountMode: 'send', amount: '1234.567891' },
      {
        needed: '1234.567891',
        sale: '1234.567891',
        posted: '8597.56',
        fee: '42.99',
        received: '8554.57',
        left: { USDT: '0', CNY: '0' },
      },
    ],
    [
      'receive in the funding currency: no order',
      { ...SAME_CURRENCY, amountMode: 'receive', amount: '300' },
      {
        needed: '301.507538',
        posted: '301.507538',
        fee: '1.507538',
        received: '300.000000',
        left: { USDT: '0', CNY: '0' },
      },
    ],
  ],
};

describe.each(Object.entries(FEE_SIDES))('amounts with the fee %s', (feeSide, cases) => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine({ env: { QBITPAY_FEE_SIDE: feeSide } });
    await engine.control('PATCH', '/settings', {
      feeSide,
      feeRates: { payout: 0.005, trade: 0.0013 },
      symbols: [{ symbol: 'USDT/CNY', bid: 6.9731, ask: 6.99 }],
    });
  });
  afterAll(() => engine.stop());

  /** What QbitPay holds, and what is owed, in the currencies that something is left in, in their order. */
  async function holdingsIn(currencies: readonly string[]): Promise<{ held: string[]; owed: string[] }> {
    const available = await availableBalances(engine);
    return {
      held: currencies.map((currency) => available[currency] ?? '0'),
      owed: await Promise.all(currencies.map((currency) => owedIn(engine, currency))),
    };
  }

  test.each(cases)('%s', async (_name, request, expected) => {
    const opened = await engine.open(request);
    expect(opened.deposit).toMatchObject({ currency: 'USDT', matchedBy: 'amount' });
    const added = subtractAmounts(opened.deposit.amount, expected.needed);
    expect(Number(added)).toBeGreaterThan(0);
    expect(Number(added)).toBeLessThan(0.2);
    const left = { ...expected.left, USDT: addAmounts(expected.left['USDT'] ?? '0', added) };
    const currencies = Object.keys(left);
    const before = await holdingsIn(currencies);
    await engine.fund(opened);
    const paid = await engine.untilStatus(opened.payoutId, 'paid');

    expect(paid).toMatchObject({ fee: expected.fee, recipientAmount: expected.received, holdReason: null });
    const orders = await bodiesSentTo(engine, ORDERS, opened.payoutId);
    expect(orders.map(({ amount }) => amount)).toEqual(expected.sale === undefined ? [] : [expected.sale]);
    expect(await bodiesSentTo(engine, PAYOUTS, opened.payoutId)).toEqual([
      expect.objectContaining({ amount: expected.posted, externalOrderId: opened.payoutId }),
    ]);
    const after = await holdingsIn(currencies);
    for (const kind of ['held', 'owed'] as const) {
      const gained = after[kind].map((now, index) => subtractAmounts(now, before[kind][index] ?? '0'));
      expect(gained.map((amount) => addAmounts(amount))).toEqual(Object.values(left));
    }
    // Where nothing is sold no price is asked for.
    const activities = (await historyOf(engine, opened.payoutId)).map(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name,
    );
    expect(activities).toContain('createPayout');
    for (const activity of ['fetchTicker', 'placeOrder']) {
      expect(activities.includes(activity)).toBe(expected.sale !== undefined);
    }
  });
});
