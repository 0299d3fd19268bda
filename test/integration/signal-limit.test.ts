import { createPayoutGateway } from '../../src/temporal/payout-gateway.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import type { Json } from '../support/engine-client.js';
import { startOwnTemporal, type OwnTemporal } from '../support/own-temporal.js';
import { untilAnswer } from '../support/until-answer.js';

/** Temporal gives one run 10,000 signals; this server gives it fewer. */
const LIMIT = 20;

let temporal: OwnTemporal;
let engine: TestEngine;
beforeAll(async () => {
  temporal = await startOwnTemporal(`history.maximumSignalsPerExecution=${LIMIT}`);
  engine = await startTestEngine({
    env: { TEMPORAL_ADDRESS: temporal.address },
    variations: { supervision: { minimumAgeSeconds: 1, intervalMs: 200 } },
  });
});
afterAll(async () => {
  await engine.stop();
  await temporal.stop();
});

const untold = async (): Promise<Json> => (await engine.api('GET', '/v1/provider')).body.untoldPayouts;

test('a workflow that takes no more signals is no workflow that is not there: shown, and another one goes on', async () => {
  const { client } = engine.temporal;
  const { signal } = createPayoutGateway({ client, taskQueue: engine.env['TEMPORAL_TASK_QUEUE'] ?? '' });
  const payout = await engine.open();
  const { payoutId } = payout;
  expect(await signal({ payoutId: 'nobody', signal: 'storeChanged' })).toBe('notRunning');
  for (let sent = 0; sent < LIMIT; sent += 1) {
    expect(await signal({ payoutId, signal: 'storeChanged' })).toBe('taken');
  }
  expect(await signal({ payoutId, signal: 'storeChanged' })).toBe('limitReached');

  await engine.fund(payout);
  await untilAnswer(untold, (ids) => ids.includes(payoutId), 'shown as one that cannot be told');
  const told = () => engine.logLines.filter((line) => line.includes('takes no more signals'));
  const [error, ...others] = await untilAnswer(
    () => Promise.resolve(told()),
    ({ length }) => length > 0,
    'logged',
  );
  expect(JSON.parse(error ?? '')).toMatchObject({ level: 'error', payoutId });
  expect(others).toEqual([]);

  await client.workflow.getHandle(`payout/${payoutId}`).terminate('it takes no more signals');
  await engine.untilStatus(payoutId, 'paid');
  expect(await untold()).toEqual([]);
});
