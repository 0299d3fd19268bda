import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { installTestRuntime } from '../support/engine.js';
import type { Json } from '../support/engine-client.js';
import { pathOf, recordMissingHistories, SCENARIO_NAMES } from './record-histories.js';

/** What payouts under way have behind them: the workflow code of today must come to the same point by it. */
const BUNDLE = join(process.cwd(), 'dist', 'workflow-bundle.js');
const RECORDING = process.env['RECORD_HISTORIES'] !== undefined;

beforeAll(async () => {
  await installTestRuntime();
  if (RECORDING) await recordMissingHistories();
}, 600_000);

const replay = (history: Json): Promise<void> =>
  Worker.runReplayHistory(
    { workflowBundle: { codePath: BUNDLE } },
    history,
    history.events[0].workflowExecutionStartedEventAttributes.workflowId,
  );

const readHistory = async (name: string): Promise<Json> => JSON.parse(await readFile(pathOf(name), 'utf8'));

test.each(SCENARIO_NAMES)('%s', async (name) => {
  await replay(await readHistory(name));
});

describe('a workflow that would do something else is noticed', () => {
  /** As if today's code did what the history does not say. */
  const changed = async (name: string, change: (events: Json[]) => void): Promise<Json> => {
    const history = await readHistory(name);
    change(history.events);
    return history;
  };
  const scheduled = (events: Json[], activity: string): Json =>
    events.find((event) => event.activityTaskScheduledEventAttributes?.activityType.name === activity)
      .activityTaskScheduledEventAttributes;

  test('another activity in the place of one', async () => {
    const history = await changed('payout-paid', (events) => {
      scheduled(events, 'placeOrder').activityType.name = 'createPayout';
    });
    await expect(replay(history)).rejects.toMatchObject({ name: 'DeterminismViolationError' });
  });

  test('two activities the other way round', async () => {
    const history = await changed('payout-paid', (events) => {
      const [order, payout] = [scheduled(events, 'placeOrder'), scheduled(events, 'createPayout')];
      [order.activityType, payout.activityType] = [payout.activityType, order.activityType];
    });
    await expect(replay(history)).rejects.toMatchObject({ name: 'DeterminismViolationError' });
  });
});
