import { startTestEngine, type TestEngine } from '../support/engine.js';
import { payoutRequest, type Answer, type Json } from '../support/engine-client.js';

describe('asking for a payout while no worker runs', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine({ worker: false });
  });
  afterAll(() => engine.stop());

  const create = (request: Json): Promise<Answer> => engine.api('POST', '/v1/payouts', request);

  test('it is accepted as opening, other content is refused, and it opens when a worker starts', async () => {
    const request = payoutRequest();
    const other = { ...request, amount: '5000.01' };
    const tooSmall = payoutRequest({ amount: '10.00' });
    const first = create(request);
    await engine.until(request.payoutId, ({ status }) => status === 'opening', 'opening');
    const answers = await Promise.all([first, create(request), create(other), create(tooSmall)]);

    expect(answers.map(({ status }) => status)).toEqual([202, 202, 409, 202]);
    for (const { headers, body } of answers.slice(0, 2)) {
      expect(headers.get('retry-after')).toBe('1');
      expect(body).toMatchObject({
        payoutId: request.payoutId,
        status: 'opening',
        amount: '5000.00',
        currency: 'CNY',
        amountMode: 'receive',
        deposit: null,
      });
    }
    expect(answers[2].body.code).toBe('PAYOUT_ID_TAKEN');
    expect(await engine.api('GET', `/v1/payouts/${request.payoutId}`)).toMatchObject({
      status: 200,
      body: { status: 'opening', amount: '5000.00', currency: 'CNY', deposit: null },
    });
    const declared = await engine.api('POST', `/v1/payouts/${request.payoutId}/deposit`, {
      txHash: 'a'.repeat(64),
    });
    expect(declared).toMatchObject({ status: 409, body: { code: 'PAYOUT_OPENING' } });

    await engine.startWorker();
    const opened = await engine.create(request);
    expect([200, 201]).toContain(opened.status);
    expect(opened.body).toMatchObject({ status: 'awaiting_deposit', deposit: { received: '0.000000' } });
    expect(await create(other)).toMatchObject({ status: 409 });
    expect(await engine.create(tooSmall)).toMatchObject({ status: 422, body: { code: 'BELOW_MINIMUM' } });

    await engine.fund(opened.body);
    await engine.untilStatus(request.payoutId, 'paid');
  });
});
