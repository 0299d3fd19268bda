import { Client as PostgresClient } from 'pg';
import type { TestEngine } from './engine.js';
import { describePayout } from './payout-workflows.js';
import { untilAnswer } from './until-answer.js';

/** QbitPay was read since this was called, and the payout's workflow has dealt with whatever that showed. */
export async function untilCaughtUp(engine: TestEngine, payoutId: string): Promise<void> {
  const database = new PostgresClient({ connectionString: engine.databaseUrl });
  await database.connect();
  const count = async (sql: string, values: unknown[] = []): Promise<number> =>
    Number((await database.query(sql, values)).rows[0].count);
  const syncs = (): Promise<number> => count('select sync_no as count from provider_sync');
  const hints = (): Promise<number> =>
    count('select count(*) from workflow_hints where payout_id = $1', [payoutId]);
  try {
    const before = await syncs();
    // The first of them may have begun before.
    await untilAnswer(syncs, (now) => now >= before + 2, 'two more syncs');
    await untilAnswer(
      async () => ({ unread: await hints(), workflow: await describePayout(engine, payoutId) }),
      ({ unread, workflow: { status, raw } }) =>
        status.name !== 'RUNNING' ||
        (unread === 0 && raw.pendingWorkflowTask == null && (raw.pendingActivities ?? []).length === 0),
      `${payoutId} told of it, and at rest`,
    );
  } finally {
    await database.end();
  }
}
