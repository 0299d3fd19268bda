import { Client as PostgresClient } from 'pg';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { currentDetailsOf } from '../support/payout-workflows.js';
import { useScenario } from '../support/scenario.js';
import { untilAnswer } from '../support/until-answer.js';

/** What takes longer than its destination takes is shown by itself, and stops nothing. */

const scenario = useScenario({ variations: { supervision: { minimumAgeSeconds: 1, intervalMs: 200 } } });

/** As if it had happened so long ago. */
async function age(statement: string, payoutId: string): Promise<void> {
  const database = new PostgresClient({ connectionString: scenario.engine.databaseUrl });
  await database.connect();
  try {
    // The ledger is append-only.
    await database.query('set session_replication_role = replica');
    await database.query(statement, [payoutId]);
  } finally {
    await database.end();
  }
}

test('a settlement that is overdue for its destination type: shown as the reason to wait, and paid all the same', async () => {
  const payout = await scenario.payout().inTransit();
  await age(
    `update provider_payouts set recorded_at = recorded_at - interval '97 hours' where payout_id = $1`,
    payout.id,
  );
  const overdue = await payout.until(({ holdReason }) => holdReason === 'SETTLEMENT_OVERDUE', 'overdue');
  expect(overdue).toMatchObject({
    status: 'in_transit',
    hold: { reason: 'SETTLEMENT_OVERDUE', actions: [] },
  });
  await untilAnswer(
    () => currentDetailsOf(scenario.engine, payoutWorkflowId(payout.id)),
    (details) => details.includes('SETTLEMENT_OVERDUE'),
    'it is overdue, in Temporal',
  );
  // An answer of QbitPay's that says nothing new does not end it.
  await payout.isReadAgain();
  expect((await payout.shown()).holdReason).toBe('SETTLEMENT_OVERDUE');
  await payout.advance('paid');
  expect(await payout.hasEnded('paid')).toMatchObject({ holdReason: null });
});

test('a return that is overdue is flagged, and can be written off', async () => {
  await scenario.provider.set({ returns: 'manual' });
  const payout = await (await scenario.payout().endsAs('failed')).funded();
  await payout.until(({ returnPending }) => returnPending === '5000.00', 'its return pending');
  await age(`update ledger_entries set at = at - interval '241 hours' where payout_id = $1`, payout.id);
  await payout.until(({ flags }) => flags.includes('RETURN_OVERDUE'), 'flagged as overdue');
  const writeOff = { kind: 'write_off', currency: 'CNY', amount: '5000', payoutId: payout.id };
  const body = { ...writeOff, reason: 'QbitPay has lost it' };
  expect((await scenario.engine.api('POST', '/v1/ledger/adjustments', body)).status).toBe(201);
  expect(await payout.hasEnded('failed')).toMatchObject({ returnPending: null });
});
