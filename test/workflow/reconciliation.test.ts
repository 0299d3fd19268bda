import { Client as PostgresClient } from 'pg';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { atCurrencyScale, addAmounts } from '../../src/domain/money.js';
import { DISCREPANCY_KINDS, type DiscrepancyKind } from '../../src/domain/reconciliation.js';
import { releaseBrakes } from '../support/brakes.js';
import { untilUnallocated } from '../support/deposits.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import { CANARY_API_KEY, startTestEngine, type TestEngine } from '../support/engine.js';
import { openAndFund, orderFault, PAYOUTS } from '../support/provider-requests.js';
import { reconcile } from '../support/reconciliation.js';
import { untilAnswer } from '../support/until-answer.js';

const TIMEOUT_MS = 60_000;

const WALLET = {
  type: 'wallet',
  payerName: 'Example Trading Ltd',
  addr: 'TExampleWalletAddress1234567890abcd',
};

/** Paid, and its workflow gone: nobody reads the payout at the provider any more. */
async function paid(engine: TestEngine, changes: Json = {}): Promise<Json> {
  const { payoutId } = await openAndFund(engine, changes);
  await workflowEnd(engine, payoutId);
  return engine.untilStatus(payoutId, 'paid');
}

async function workflowEnd(engine: TestEngine, payoutId: string): Promise<void> {
  await engine.temporal.client.workflow.getHandle(payoutWorkflowId(payoutId)).result();
}

/** Failed at the provider, which gives its money back when it is told to. */
async function failedWithoutReturn(engine: TestEngine): Promise<Json> {
  const { payoutId } = payoutRequest();
  await engine.control('PATCH', '/settings', { returns: 'manual' });
  await engine.control('POST', '/outcomes', { outcome: 'failed', externalOrderId: payoutId });
  await openAndFund(engine, { payoutId });
  const payout = await engine.untilStatus(payoutId, 'failed');
  await engine.control('PATCH', '/settings', { returns: 'immediate' });
  return payout;
}

/** What is not found is believed absent at once. */
const BELIEVED_AT_ONCE = { UNKNOWN_OUTCOME_WAIT_SECONDS: '0', ABSENCE_CHECKS: '1' };

/** The next sync reads it by its id, as after a webhook that named it. */
async function announce(
  engine: TestEngine,
  kind: 'payout' | 'order' | 'transaction',
  id: string,
): Promise<void> {
  const values = [
    "insert into sync_wishes (reason, kind, provider_id) values ('a test', $1, $2)",
    [kind, id],
  ] as const;
  await query(engine, ...values);
}

async function query(engine: TestEngine, sql: string, values: readonly string[] = []): Promise<Json[]> {
  const database = new PostgresClient({ connectionString: engine.databaseUrl });
  await database.connect();
  try {
    return (await database.query(sql, [...values])).rows;
  } finally {
    await database.end();
  }
}

/** QbitPay is read only where somebody wishes for it: here again and again, until the store says this. */
async function untilSynced<T>(
  engine: TestEngine,
  ask: () => Promise<T>,
  isThere: (answer: T) => boolean,
): Promise<T> {
  const wishAndAsk = async (): Promise<T> => {
    await query(engine, "insert into sync_wishes (reason) values ('a test')");
    return ask();
  };
  return untilAnswer(wishAndAsk, isThere, 'what the next syncs show');
}

/** Sent, and never answered: held with an unknown outcome. */
async function heldAsUnknown(engine: TestEngine, fault: string, changes: Json = {}): Promise<Json> {
  const { payoutId } = payoutRequest();
  await orderFault(engine, fault, PAYOUTS, { externalOrderId: payoutId });
  await openAndFund(engine, { payoutId, ...changes });
  const payout = await untilSynced(
    engine,
    async () => (await engine.api('GET', `/v1/payouts/${payoutId}`)).body,
    ({ status }) => status === 'held',
  );
  expect(payout).toMatchObject({ holdReason: 'UNKNOWN_OUTCOME' });
  return payout;
}

/** Nobody looks for what the payout asked for any more. */
async function terminate(engine: TestEngine, payoutId: string): Promise<void> {
  await engine.stopWorker();
  await engine.temporal.client.workflow.getHandle(payoutWorkflowId(payoutId)).terminate('test');
  await engine.startWorker();
}

/** As somebody else with the same key would do it. */
async function postToProvider(engine: TestEngine, path: string, body: Json): Promise<Json> {
  const response = await fetch(`${engine.env['QBITPAY_BASE_URL'] ?? ''}/api/v1/${path}`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${CANARY_API_KEY}:`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  });
  const answer: Json = await response.json();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
}

const postPayout = (engine: TestEngine, externalOrderId: string, amount = 2000): Promise<Json> =>
  postToProvider(engine, 'payouts', {
    amount,
    currency: 'CNY',
    externalOrderId,
    destination: payoutRequest().destination,
  });

/** Money in the account that is no payout's, in the store as a unallocated deposit. */
async function leaveUnallocated(engine: TestEngine, currency: string, amount: number): Promise<Json> {
  const deposit = await engine.control('POST', '/deposits', { currency, amount });
  await untilUnallocated(engine, deposit.id, 'UNMATCHED_DEPOSIT');
  return deposit;
}

describe('every kind of discrepancy, with no grace time', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine({
      env: {
        ...BELIEVED_AT_ONCE,
        RECONCILIATION_GRACE_SECONDS: '0',
        PROVIDER_SYNC_INTERVAL_MS: '5000',
        // Payouts of others are made in these tests.
        ACCOUNT_SHARED: 'true',
      },
    });
    await leaveUnallocated(engine, 'CNY', 50_000);
    await leaveUnallocated(engine, 'USDT', 900);
    // A list that has lost all it had proves nothing.
    await paid(engine);
  }, TIMEOUT_MS);
  afterEach(() => releaseBrakes(engine));
  afterAll(() => engine.stop());

  /** Makes a discrepancy of its kind and answers with what is to be found, to the last digit. */
  type Maker = () => Promise<Json>;

  const ofPayout = ({ payoutId, providerPayoutId }: Json): Json => ({
    object: 'payout',
    currency: 'CNY',
    payoutId,
    externalOrderId: payoutId,
    providerIds: [providerPayoutId],
  });
  const ofNobody = { payoutId: null, externalOrderId: null };

  /** Shows the payout as another one than it was when the store read it last. */
  const overwritten = async (shown: Json): Promise<Json> => {
    const payout = await paid(engine);
    await engine.control('POST', `/payouts/${payout.providerPayoutId}/overwrite`, shown);
    await announce(engine, 'payout', payout.providerPayoutId);
    return ofPayout(payout);
  };

  const MADE: Readonly<Record<DiscrepancyKind, Readonly<Record<string, Maker>>>> = {
    MISSING_AT_PROVIDER: {
      'a payout that is shown no more': async () => {
        const payout = await paid(engine);
        await engine.control('POST', `/payouts/${payout.providerPayoutId}/forget`);
        await announce(engine, 'payout', payout.providerPayoutId);
        return { ...ofPayout(payout), store: '5000', provider: null };
      },
      'an order that is shown no more': async () => {
        const payout = await paid(engine);
        const { providerOrderId } = payout.order;
        await engine.control('POST', `/orders/${providerOrderId}/forget`);
        await announce(engine, 'order', providerOrderId);
        return {
          ...ofPayout(payout),
          object: 'order',
          currency: 'USDT',
          providerIds: [providerOrderId],
          store: '720.946916',
          provider: null,
        };
      },
    },
    UNKNOWN_AT_PROVIDER: {
      'a payout of a name that the store lacks': async () => {
        const { id } = await postPayout(engine, 'from-somewhere-else');
        return {
          ...ofPayout({ providerPayoutId: id }),
          ...{ payoutId: null, externalOrderId: 'from-somewhere-else', store: null, provider: '2000' },
        };
      },
      'an order of a name that the store lacks': async () => {
        const externalOrderId = 'order-from-somewhere-else';
        const order = { symbol: 'USDT/CNY', side: 'sell', amount: 10, price: 6.97, externalOrderId };
        const { id } = await postToProvider(engine, 'orders', order);
        return {
          ...{ object: 'order', currency: 'USDT', payoutId: null, externalOrderId },
          ...{ providerIds: [id], store: null, provider: '10' },
        };
      },
    },
    OUTCOME_NOT_RECORDED: {
      'a payout that was made although the answer was lost, and shown when nobody looked': async () => {
        await engine.control('PATCH', '/settings', { visibleAfterMs: 5_000 });
        // Without an order, which could not be read back either.
        const own = { currency: 'USDT', amount: '500', destination: WALLET };
        const { payoutId } = await heldAsUnknown(engine, 'resetAfterEffect', own);
        await terminate(engine, payoutId);
        await engine.control('PATCH', '/settings', { visibleAfterMs: 0 });
        const [made] = (await engine.control('GET', '/journal?limit=1000')).data.filter(
          ({ body, effects }: Json) =>
            body?.destination !== undefined && effects.length > 0 && body.externalOrderId === payoutId,
        );
        return {
          ...ofPayout({ payoutId, providerPayoutId: made.effects[0] }),
          currency: 'USDT',
          store: 'unknown',
          provider: '500',
        };
      },
    },
    DUPLICATE_AT_PROVIDER: {
      'a second payout of the same name': async () => {
        const payout = await paid(engine);
        const { id } = await postPayout(engine, payout.payoutId);
        const engaged = async (): Promise<Json[]> =>
          (await engine.api('GET', '/v1/brakes?engaged=true')).body.data;
        // What it took is in no book: its currency stops as well, and is released with everything else.
        await untilSynced(engine, engaged, (brakes) => brakes.some((one) => one.kind === 'SHORTFALL'));
        const providerIds = [payout.providerPayoutId, id];
        return { ...ofPayout(payout), providerIds, store: '5000', provider: '5000 + 2000' };
      },
    },
    AMOUNT_DIFFERS: {
      'one digit more': async () => ({
        ...(await overwritten({ amount: 5000.01 })),
        ...{ store: '5000', provider: '5000.01' },
      }),
    },
    FEE_DIFFERS: {
      'one digit less': async () => ({
        ...(await overwritten({ fee: 24.99 })),
        ...{ store: '25', provider: '24.99' },
      }),
    },
    STATUS_DIFFERS: {
      'paid here, under way there': async () => ({
        ...(await overwritten({ status: 'inTransit' })),
        ...{ store: 'paid', provider: 'in_transit' },
      }),
    },
    DEPOSIT_UNSEEN: {
      'money that cannot be booked': async () => {
        await query(engine, 'alter table deposits add check (amount <> 77.5)');
        const deposit = { currency: 'USDT', amount: 77.5, notify: false };
        const { id } = await engine.control('POST', '/deposits', deposit);
        const found = { ...ofNobody, store: null, provider: '77.5' };
        return { object: 'deposit', currency: 'USDT', providerIds: [id], ...found };
      },
    },
    DEPOSIT_MISSING: {
      'a deposit that is shown no more': async () => {
        const { id } = await leaveUnallocated(engine, 'USDT', 33.25);
        await engine.control('POST', `/deposits/${id}/forget`);
        const [{ proof }] = await query(engine, 'select proof from deposits where deposit_id = $1', [id]);
        await announce(engine, 'transaction', proof);
        const found = { ...ofNobody, store: '33.25', provider: null };
        return { object: 'deposit', currency: 'USDT', providerIds: [id], ...found };
      },
    },
    RETURN_OVERDUE: {
      'paid, then failed, and its money not back': async () => ({
        ...(await overwritten({ status: 'failed' })),
        ...{ store: '5025', provider: null },
      }),
    },
    UNREADABLE_AT_PROVIDER: {
      'K17: a payout of somebody else, whose fee is no amount': async () => {
        const insert = `insert into provider_objects (kind, provider_id, content, problem, is_open, read_at, changed_at)
          values ('payout', 'po_unreadable', '{"createdAt": {}}', 'at fee', false, now(), now())`;
        await query(engine, insert);
        const found = { ...ofNobody, store: null, provider: 'at fee' };
        return { object: 'payout', currency: '', providerIds: ['po_unreadable'], ...found };
      },
    },
    BALANCE_OFF: {
      'money that no transaction explains': async () => {
        await engine.control('POST', '/balances/adjust', { currency: 'EUR', amount: 0.01 });
        return {
          object: 'balance',
          currency: 'EUR',
          providerIds: [],
          ...ofNobody,
          store: '0',
          provider: '0.01',
        };
      },
    },
  };

  const identityOf = ({ kind, object, currency, externalOrderId, providerIds }: Json): string =>
    JSON.stringify([kind, object, currency, externalOrderId, providerIds]);
  const WORDS = {
    since: expect.stringMatching(/Z$/),
    ageSeconds: expect.any(Number),
    meaning: expect.stringMatching(/\.$/),
    action: expect.stringMatching(/\.$/),
  };

  test('every kind there is, is made here', () => {
    expect(Object.keys(MADE)).toEqual(DISCREPANCY_KINDS);
    for (const kind of DISCREPANCY_KINDS) expect(Object.keys(MADE[kind])).not.toEqual([]);
  });

  const cases = DISCREPANCY_KINDS.flatMap((kind) =>
    Object.entries(MADE[kind]).map(([what, make]) => [kind, what, make] as const),
  );
  test.each(cases)(
    '%s: %s',
    async (kind, _what, make) => {
      const before = new Set((await reconcile(engine)).discrepancies.map(identityOf));
      const found = await make();
      const { clean, discrepancies, outside, balances } = await reconcile(engine);
      const added = discrepancies.filter((discrepancy: Json) => !before.has(identityOf(discrepancy)));
      // test/unit/api/reconciliation.test.ts has the calls.
      expect(added).toEqual([{ kind, ...found, ...WORDS, call: added[0]?.call }]);
      expect({ clean, outside }).toEqual({ clean: false, outside: [] });
      // Whatever is reported explains its part of the balances.
      const off = balances.filter((balance: Json) => Number(balance.off) !== 0);
      const reportedOff = discrepancies.filter((discrepancy: Json) => discrepancy.kind === 'BALANCE_OFF');
      expect(off.map(({ currency }: Json) => currency)).toEqual(
        reportedOff.map(({ currency }: Json) => currency),
      );
    },
    TIMEOUT_MS,
  );

  test('money that comes back late is overdue until it is there', async () => {
    const { payoutId, providerPayoutId } = await failedWithoutReturn(engine);
    const overdue = async (): Promise<Json[]> =>
      (await reconcile(engine)).discrepancies.filter(
        (discrepancy: Json) => discrepancy.payoutId === payoutId,
      );
    expect(await overdue()).toMatchObject([{ kind: 'RETURN_OVERDUE' }]);
    await engine.control('POST', `/payouts/${providerPayoutId}/return`);
    await untilSynced(engine, overdue, ({ length }) => length === 0);
  });
});

describe('no false alarm, with the grace time that is set by default', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    // By default the schedule is not due within the tests: it would take up what they look for.
    engine = await startTestEngine({
      env: BELIEVED_AT_ONCE,
      variations: { supervision: { minimumAgeSeconds: 1, intervalMs: 200 } },
    });
  }, TIMEOUT_MS);
  afterAll(() => engine.stop());

  const expectClean = async (): Promise<Json> => {
    const report = await reconcile(engine);
    expect(report).toMatchObject({ clean: true, discrepancies: [] });
    expect(report.balances.filter(({ off }: Json) => Number(off) !== 0)).toEqual([]);
    return report;
  };
  const asked = ({ deposit: { currency, amount } }: Json): Json => ({ currency, amount });
  const balanceOf = async (currency: string): Promise<Json> =>
    (await engine.api('GET', '/v1/balances')).body.data.find((one: Json) => one.currency === currency);

  test('an account that nothing was ever done with is clean', async () => {
    expect((await expectClean()).compared).toEqual({
      payouts: 0,
      orders: 0,
      deposits: 0,
      balanceTransactions: 0,
    });
  });

  test(
    'again and again while payouts go through',
    async () => {
      const [last, ...others] = await Promise.all(Array.from({ length: 3 }, () => engine.open()));
      // The first runs are sure to come before the last end: one deposit is on its way until they are done.
      const onItsWay = await engine.control('POST', '/deposits', { ...asked(last), confirm: false });
      // One of their notices is lost.
      for (const [index, payout] of others.entries()) {
        await engine.control('POST', '/deposits', { ...asked(payout), notify: index > 0 });
      }
      let areOver = false;
      const ends = Promise.all([last, ...others].map(({ payoutId }) => workflowEnd(engine, payoutId)));
      void ends.finally(() => (areOver = true));
      for (let run = 1; run <= 2; run += 1) {
        expect((await expectClean()).inFlight).toBeGreaterThan(0);
        expect(areOver).toBe(false);
      }
      await engine.control('POST', `/deposits/${onItsWay.id}/confirm`);
      while (!areOver) await expectClean();
      await ends;
      const { compared } = await expectClean();
      expect(compared).toEqual({ payouts: 3, orders: 3, deposits: 3, balanceTransactions: 12 });
    },
    TIMEOUT_MS,
  );

  test('what happens outside is listed once, booked to external, and no discrepancy', async () => {
    await engine.control('POST', '/charges', { currency: 'USDT', amount: 100.5, credited: true });
    await engine.control('POST', '/dashboard/payouts', { currency: 'USDT', amount: 40 });
    const { outside } = await expectClean();
    expect(outside.map(({ type, currency, net }: Json) => [type, currency, net])).toEqual(
      expect.arrayContaining([
        ['charge', 'USDT', '100.500000'],
        ['payout', 'USDT', '-40.200000'],
      ]),
    );
    expect(outside).toHaveLength(2);
    const { external, ledger } = await untilAnswer(
      () => balanceOf('USDT'),
      (balance) => balance.provider.available === balance.ledger,
      'a balance that was read since',
    );
    expect(external).toBe('60.300000');
    expect((await expectClean()).outside).toEqual([]);
    expect(await balanceOf('USDT')).toMatchObject({ external, ledger });
  });

  test('money that comes back after the workflow was terminated is booked by the one that the supervisor starts', async () => {
    const { payoutId, providerPayoutId } = await failedWithoutReturn(engine);
    await engine.temporal.client.workflow.getHandle(payoutWorkflowId(payoutId)).terminate();
    const { owed }: { readonly owed: string } = await balanceOf('CNY');
    expect(await balanceOf('CNY')).toMatchObject({ returnPending: '5000.00' });
    await engine.control('POST', `/payouts/${providerPayoutId}/return`);
    await expectClean();
    const balance = await untilAnswer(
      () => balanceOf('CNY'),
      ({ returnPending }) => returnPending === '0.00',
      'the money booked',
    );
    expect(balance).toMatchObject({ owed: atCurrencyScale(addAmounts(owed, '5025'), 'CNY') });
  });

  test('an unknown outcome of which the provider has nothing is no discrepancy', async () => {
    await heldAsUnknown(engine, 'resetBeforeEffect');
    await expectClean();
  });

  test('the schedule compares by itself and keeps the report', async () => {
    const database = new PostgresClient({ connectionString: engine.databaseUrl });
    await database.connect();
    const readReports = async (): Promise<Json[]> =>
      (await database.query('select clean, report from reconciliation_reports order by report_id')).rows;
    const stored = (await readReports()).length;
    const handle = engine.temporal.client.schedule.getHandle(
      `reconcile/${engine.env['TEMPORAL_TASK_QUEUE'] ?? ''}`,
    );
    expect((await handle.describe()).spec.intervals).toMatchObject([{ every: 3_600_000 }]);
    await handle.trigger();
    const reports = await untilAnswer(readReports, ({ length }) => length > stored, 'a report');
    await database.end();
    expect(reports.at(-1)).toMatchObject({ clean: true, report: { clean: true, discrepancies: [] } });
  });
});
