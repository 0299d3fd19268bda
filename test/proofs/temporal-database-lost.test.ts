import { rm } from 'node:fs/promises';
import { sayFigure, scale } from '../support/figures.js';
import type { Json } from '../support/engine-client.js';
import { createHeldPayouts } from '../support/held-payouts.js';
import { startTemporalWithFiles, type TemporalWithFiles } from '../support/own-temporal.js';
import { describePayout } from '../support/payout-workflows.js';
import { ORDERS, PAYOUTS } from '../support/provider-requests.js';
import { ALWAYS, useScenario } from '../support/scenario.js';
import type { ScenarioPayout } from '../support/scenario-payout.js';
import { untilAnswer } from '../support/until-answer.js';

/** One of each kind, and then again. */
const COUNT = scale('PAYOUTS', 13);

let server: TemporalWithFiles;

const scenario = useScenario(async () => {
  server = await startTemporalWithFiles();
  return {
    env: {
      TEMPORAL_ADDRESS: server.address,
      UNKNOWN_OUTCOME_WAIT_SECONDS: '0',
      ABSENCE_CHECKS: '1',
      ON_FAILED_ATTEMPT: 'hold',
    },
    variations: { supervision: { minimumAgeSeconds: 1, intervalMs: 200 }, upkeepIntervalMs: 500 },
  };
});
afterAll(() => server.stop());

/** How a payout of each kind comes to where it is when Temporal loses its database, and how it ends after that. */
interface Kind {
  readonly prepare: () => Promise<ScenarioPayout>;
  readonly end: (payout: ScenarioPayout) => Promise<unknown>;
}

const held = createHeldPayouts(scenario);

const delayed = async (endpoint: string, status: string): Promise<ScenarioPayout> => {
  const payout = scenario.payout();
  await payout.strike('rate_limit_error', endpoint, { times: ALWAYS });
  await payout.funded();
  // Refused, looked for, and sent again, for ever.
  const isDelayed = ({ holdReason }: Json): boolean =>
    holdReason === 'RATE_LIMITED' || holdReason === 'REFUSAL_PROVISIONAL';
  await payout.until((shown) => shown.status === status && isDelayed(shown), 'delayed');
  return payout;
};
/** What QbitPay's lists do not show, until it is adopted. */
const hidden = new Set<string>();
const hide = (): void =>
  scenario.provider.rewrite((request, body) => {
    if (!request.startsWith('GET') || body?.object !== 'list') return undefined;
    return { ...body, data: body.data.filter(({ externalOrderId }: Json) => !hidden.has(externalOrderId)) };
  });
const endsAsPaid = (payout: ScenarioPayout): Promise<unknown> => payout.isPaidOnce();
const isDecided =
  (operation: string, more: object = {}) =>
  async (payout: ScenarioPayout): Promise<void> => {
    await payout.decide(operation, more);
    await payout.isPaidOnce();
  };

/** Funded when all others are where they are to be, while there is no usable price. */
const WITHOUT_PRICE = 'funded, without a price';

const KINDS: Readonly<Record<string, Kind>> = {
  waiting: {
    prepare: () => scenario.payout().open(),
    end: async (payout) => (await payout.fund()).isPaidOnce(),
  },
  'held, resumed': {
    prepare: () => held.byOperator(),
    end: async (payout) => {
      await payout.decide('resume');
      await payout.fund();
      await payout.isPaidOnce();
    },
  },
  'held, cancelled': {
    prepare: () => held.byOperator(),
    end: async (payout) => {
      expect((await payout.cancel()).status).toBe(200);
      await payout.hasEnded('cancelled');
    },
  },
  'refused, retried': { prepare: () => held.refusedDestination(), end: isDecided('retry') },
  'refused, cancelled': {
    prepare: () => held.refusedDestination(),
    end: (payout) => payout.cancelReleasing('CNY'),
  },
  'unknown, sent again': {
    prepare: () => held.unsent(PAYOUTS),
    end: isDecided('resolve', { action: 'resend' }),
  },
  'unknown, closed': {
    prepare: () => held.unsent(PAYOUTS),
    end: async (payout) => {
      await payout.decide('resolve', { action: 'close' });
      await payout.isClosed();
    },
  },
  'unknown, adopted': {
    prepare: async () => {
      const payout = await scenario.payout().hideFromLists();
      hidden.add(payout.id);
      hide();
      await payout.strike('resetAfterEffect', PAYOUTS);
      await payout.funded();
      await payout.isHeld('UNKNOWN_OUTCOME');
      return payout;
    },
    end: async (payout) => {
      const [sent] = await payout.requests(PAYOUTS);
      await payout.decide('resolve', { action: 'adopt', providerPayoutId: sent.effects[0] });
      hidden.delete(payout.id);
      await payout.isPaidOnce();
    },
  },
  'failed attempt, retried': {
    prepare: () => held.failed(),
    end: async (payout) => {
      await payout.retryWhenMoneyIsBack();
      await payout.isPaidOnce();
    },
  },
  converting: { prepare: () => delayed(ORDERS, 'converting'), end: endsAsPaid },
  paying: { prepare: () => delayed(PAYOUTS, 'paying'), end: endsAsPaid },
  'in transit': {
    prepare: () => scenario.payout().inTransit(),
    end: async (payout) => {
      await payout.advance('paid');
      await payout.isPaidOnce();
    },
  },
  [WITHOUT_PRICE]: { prepare: () => scenario.payout().open(), end: endsAsPaid },
};

const setPrice = (bid: string): Promise<unknown> =>
  scenario.engine.control('POST', '/price', { symbol: 'USDT/CNY', bid, ask: '7.5' });

/** The server forgets everything: workflows, schedules, search attributes. */
const loseTemporalDatabase = (): Promise<void> =>
  server.whileStopped((files) => Promise.all(files.map((file) => rm(file))));

test('K13: Temporal loses its database: payouts in every step go on by themselves, every operation works, none is paid twice', async () => {
  const { engine } = scenario;
  const carried: [string, Kind, ScenarioPayout][] = [];
  const kinds = Object.entries(KINDS);
  for (let index = 0; index < COUNT; index += 1) {
    const [name, kind] = kinds[index % kinds.length]!;
    carried.push([name, kind, await kind.prepare()]);
  }
  await setPrice('6.5');
  for (const [name, , payout] of carried) {
    if (name !== WITHOUT_PRICE) continue;
    await payout.fund();
    await payout.until(({ deposit }) => deposit.missing === '0.000000', 'funded');
  }

  await loseTemporalDatabase();
  for (const [name, , { id }] of carried) {
    await untilAnswer(
      () => describePayout(engine, id).catch(() => undefined),
      (description) => description?.status.name === 'RUNNING',
      `a workflow of the payout that is ${name}`,
    );
  }
  await setPrice('6.97');
  // What is hidden stays hidden: a sync in between would adopt it.
  await scenario.engine.control('DELETE', '/faults');
  for (const [, { end }, payout] of carried) await end(payout);
  for (const [, , payout] of carried) expect((await payout.living()).length).toBeLessThanOrEqual(1);
  sayFigure(
    `Temporal's database lost with ${COUNT} payouts of ${kinds.length} kinds: all ended, none paid twice`,
  );
});
