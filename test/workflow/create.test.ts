import { randomUUID } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import { Client as PostgresClient } from 'pg';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { expectBooksToBalance } from '../support/balances.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { payoutRequest, type Creation, type Json } from '../support/engine-client.js';
import { bodiesSentTo } from '../support/provider-view.js';

describe('asking for a payout', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine();
  });
  afterEach(() => expectBooksToBalance(engine));
  afterAll(() => engine.stop());

  const create = (request: Json): Promise<Creation> => engine.create(request);
  /** By one of these requests its payout was opened, and by no other: a repetition does not tell whose it was. */
  const expectOpenedOnce = (answers: readonly Creation[]): void => {
    const openers = answers.filter(({ status }) => status === 201);
    expect(openers.length).toBeLessThanOrEqual(1);
    const mayHaveOpened = ({ status, isRepetition }: Creation) => status === 200 && isRepetition;
    if (!answers.some(mayHaveOpened)) expect(openers).toHaveLength(1);
  };
  const runOf = (payoutId: string) =>
    engine.temporal.client.workflow.getHandle(payoutWorkflowId(payoutId)).describe();

  test('the same request many times at once creates one payout', async () => {
    const request = payoutRequest();
    const seen = (await bodiesSentTo(engine, 'GET /api/v1/accounts/show')).length;
    const answers = await Promise.all(Array.from({ length: 8 }, () => create(request)));
    for (const { status } of answers) expect([200, 201]).toContain(status);
    expectOpenedOnce(answers);
    for (const { body } of answers) expect(body).toEqual(answers[0]?.body);
    expect((await bodiesSentTo(engine, 'GET /api/v1/accounts/show')).length).toBe(seen + 1);
    expect((await runOf(request.payoutId)).status.name).toBe('RUNNING');
  });

  test('of two different requests with one id at once, one is taken and the other refused', async () => {
    const request = payoutRequest();
    const answers = await Promise.all([create(request), create({ ...request, amount: '5000.01' })]);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(1);
    const taken = answers.find(({ status }) => status !== 409);
    expectOpenedOnce(answers);
    const { body } = await engine.api('GET', `/v1/payouts/${request.payoutId}`);
    expect(body).toMatchObject({ amount: taken?.body.amount, deposit: taken?.body.deposit });
  });

  test('a repetition is answered with the payout as it is, also when it is paid', async () => {
    const request = payoutRequest();
    const opened = await create(request);
    expect(opened.body).toMatchObject({ status: 'awaiting_deposit' });
    expectOpenedOnce([opened]);
    const location = opened.isRepetition ? null : `/v1/payouts/${request.payoutId}`;
    expect(opened.headers.get('location')).toBe(location);
    for (const spelling of [{ amount: '5000' }, { funding: 'deposit' }]) {
      expect(await create({ ...request, ...spelling })).toMatchObject({ status: 200, body: opened.body });
    }

    await engine.fund(opened.body);
    await engine.untilStatus(request.payoutId, 'paid');
    const repeated = await create(request);
    expect(repeated).toMatchObject({ status: 200, body: { status: 'paid', amount: '5000.00' } });
    expect(repeated.body.deposit).toEqual({
      ...opened.body.deposit,
      received: opened.body.deposit.amount,
      missing: '0.000000',
    });
    expect(await bodiesSentTo(engine, 'POST /api/v1/payouts', request.payoutId)).toHaveLength(1);
    expect(await create({ ...request, amount: '5000.01' })).toMatchObject({
      status: 409,
      body: { code: 'PAYOUT_ID_TAKEN' },
    });
  });

  test.each([
    ['an amount below the minimum', { amount: '10.00' }, 'BELOW_MINIMUM'],
    ['a pair without a market', { currency: 'EUR' }, 'NO_SUCH_PAIR'],
    [
      'a funding currency without a wallet',
      { fundingCurrency: 'BTC', amount: '7000.00' },
      'NO_DEPOSIT_ADDRESS',
    ],
    ['a funding currency without a network', { fundingCurrency: 'USDC', amount: '7000.00' }, 'NO_NETWORK'],
  ])('%s is rejected, and rejected again', async (_name, changes, code) => {
    const before = await engine.control('GET', '/settings');
    await engine.control('PATCH', '/settings', {
      payoutLimit: { currency: 'CNY', min: 1400 },
      wallets: [...before.wallets, { currency: 'USDC', addr: '0xExampleDepositAddress' }],
      symbols: ['USDT', 'USDC', 'BTC'].map((name) => ({ symbol: `${name}/CNY`, bid: 6.97, ask: 6.99 })),
    });
    const request = payoutRequest(changes);
    for (let repetition = 0; repetition < 2; repetition += 1) {
      expect(await create(request)).toMatchObject({ status: 422, body: { code } });
    }
    expect((await engine.api('GET', `/v1/payouts/${request.payoutId}`)).body).toMatchObject({
      status: 'rejected',
      deposit: null,
      failure: { type: code },
    });
    expect(await create({ ...request, amount: '9000.00' })).toMatchObject({ status: 409 });
    expect((await runOf(request.payoutId)).status.name).toBe('COMPLETED');
    await engine.control('PATCH', '/settings', {
      payoutLimit: before.payoutLimit,
      wallets: before.wallets,
      symbols: before.symbols,
    });
  });

  describe('without the API, by a Temporal client', () => {
    const start = (input: Json, workflowId?: string) =>
      engine.temporal.client.workflow.start('payoutWorkflow', {
        workflowId: workflowId ?? payoutWorkflowId(input.request.payoutId),
        taskQueue: engine.env['TEMPORAL_TASK_QUEUE'] ?? '',
        args: [input],
      });
    const failureOf = async (handle: { result(): Promise<unknown> }): Promise<Json> =>
      handle.result().then(
        () => undefined,
        (error: unknown) => (error instanceof WorkflowFailedError ? error.cause : error),
      );

    test('a valid request is paid; its maker is unknown', async () => {
      const request = payoutRequest();
      const handle = await start({ request });
      const opened = await engine.untilStatus(request.payoutId, 'awaiting_deposit');
      await engine.fund(opened);
      expect(await handle.result()).toEqual({ payoutId: request.payoutId, status: 'paid' });
      expect(await makerOf(request.payoutId)).toBe('unknown');
      expect(await create(request)).toMatchObject({ status: 200, body: { status: 'paid' } });
      expect(await create({ ...request, amount: '1.00' })).toMatchObject({ status: 409 });
    });

    test('the API joins a payout that is running already', async () => {
      const request = payoutRequest();
      await start({ request });
      const joined = await create(request);
      // Whoever was first wrote it.
      expect([200, 201]).toContain(joined.status);
      expect(joined.body).toMatchObject({ status: 'awaiting_deposit' });
      expect(await runOf(request.payoutId)).toMatchObject({ status: { name: 'RUNNING' } });
      expect(await create({ ...request, amount: '6000.00' })).toMatchObject({ status: 409 });
    });

    test.each([
      ['a negative amount', { amount: '-1' }],
      ['an amount that is no text', { amount: 5000 }],
      ['a currency in lower case', { currency: 'cny' }],
      ['a destination without an account', { destination: { type: 'bankAccount', payerName: 'Someone' } }],
      ['a field that does not exist', { policy: { maxSlippageBps: 5000 } }],
    ])('%s fails the workflow and leaves nothing in the store', async (_name, changes) => {
      const request = payoutRequest(changes);
      const failure = await failureOf(await start({ request }));
      expect(failure).toMatchObject({ type: 'INVALID_REQUEST' });
      expect(await engine.api('GET', `/v1/payouts/${request.payoutId}`)).toMatchObject({ status: 404 });
    });

    test('a workflow id that is not of the payout fails', async () => {
      const request = payoutRequest();
      const failure = await failureOf(await start({ request }, `payout/another-${randomUUID()}`));
      expect(failure).toMatchObject({ type: 'INVALID_REQUEST' });
      expect(await engine.api('GET', `/v1/payouts/${request.payoutId}`)).toMatchObject({ status: 404 });
    });

    test('an id that no database holds fails', async () => {
      const request = payoutRequest({ payoutId: `p-\u0000${randomUUID()}` });
      const handle = await start({ request }, `payout/${request.payoutId}`);
      expect(await failureOf(handle)).toMatchObject({ type: 'INVALID_REQUEST' });
    });

    test('no input at all fails', async () => {
      const handle = await start({}, `payout/${randomUUID()}`);
      expect(await failureOf(handle)).toMatchObject({ type: 'INVALID_REQUEST' });
    });
  });

  async function makerOf(payoutId: string): Promise<unknown> {
    const store = new PostgresClient({ connectionString: engine.databaseUrl });
    await store.connect();
    const { rows } = await store.query('select maker from payouts where payout_id = $1', [payoutId]);
    await store.end();
    return rows[0]?.maker;
  }
});
