import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { subtractAmounts } from '../../src/domain/money.js';
import { makeAvailable } from '../support/balances.js';
import { untilAllocated } from '../support/deposits.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import { CANARY_API_KEY, startTestEngine, type TestEngine } from '../support/engine.js';
import { currentDetailsOf, startDirectly, untilHoldReasonShown } from '../support/payout-workflows.js';
import { openAndFund, orderFault, ORDERS, PAYOUTS } from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

/**
 * Records histories of real payouts, on the real servers, for replay.test.ts:
 *
 *     RECORD_HISTORIES=1 npm test -- test/replay
 *
 * Only those are recorded that have no file: a history that a released version wrote is what running payouts look
 * like, so that it stays. When the workflow changes, add a scenario under a name of its own and keep the old file.
 */
const HISTORIES = join(process.cwd(), 'test', 'replay', 'histories');

/** Each carries one payout to where its history is interesting, and answers with the workflow's id. */
const SCENARIOS: Readonly<Record<string, (engine: TestEngine) => Promise<string>>> = {
  'payout-paid': async (engine) => {
    const { payoutId } = await openAndFund(engine, { payoutId: 'replay-paid' });
    return untilEnded(engine, payoutId, 'paid');
  },
  'payout-paid-same-currency-send': async (engine) => {
    const { payoutId } = await openAndFund(engine, {
      payoutId: 'replay-same-currency',
      amount: '500',
      amountMode: 'send',
      currency: 'USDT',
      destination: { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'TExampleWalletOfTheRecipient' },
    });
    return untilEnded(engine, payoutId, 'paid');
  },
  'payout-paid-after-price-came-back': async (engine) => {
    const payoutId = await untilPriceIsAwaited(engine, 'replay-price');
    await setPrice(engine, '6.97');
    return untilEnded(engine, payoutId, 'paid');
  },
  'payout-paid-after-key-was-corrected': async (engine) => {
    const payoutId = 'replay-key';
    await orderFault(engine, 'authentication_error', ORDERS, { externalOrderId: payoutId, times: 2 });
    await openAndFund(engine, { payoutId });
    return untilEnded(engine, payoutId, 'paid');
  },
  'payout-cancelled-while-funded': async (engine) => {
    const payoutId = await untilPriceIsAwaited(engine, 'replay-cancelled');
    await engine.api('POST', `/v1/payouts/${payoutId}/cancel`);
    await setPrice(engine, '6.97');
    return untilEnded(engine, payoutId, 'cancelled');
  },
  'payout-expired': async (engine) => {
    const request = payoutRequest({ payoutId: 'replay-expired' });
    await startDirectly(engine, request, { depositDeadlineSeconds: 1 });
    return untilEnded(engine, request.payoutId, 'expired');
  },
  'payout-rejected': async (engine) => {
    const request = payoutRequest({ payoutId: 'replay-rejected', amount: '1.00' });
    await engine.api('POST', '/v1/payouts', request);
    return untilEnded(engine, request.payoutId, 'rejected');
  },
  'payout-failed-order-refused': async (engine) => {
    const payoutId = 'replay-refused';
    await orderFault(engine, 'invalid_request_error', ORDERS, { externalOrderId: payoutId });
    await openAndFund(engine, { payoutId });
    return untilEnded(engine, payoutId, 'failed');
  },
  'payout-failed-at-provider': async (engine) => {
    const payoutId = 'replay-failed';
    await engine.control('POST', '/outcomes', { outcome: 'failed', externalOrderId: payoutId });
    await openAndFund(engine, { payoutId });
    return untilEnded(engine, payoutId, 'failed');
  },
  'payout-held-unknown-outcome': async (engine) => {
    return payoutWorkflowId(await untilUnknown(engine, 'replay-unknown'));
  },
  'payout-paid-after-it-was-found': async (engine) => {
    const payoutId = 'replay-found';
    await orderFault(engine, 'resetAfterEffect', PAYOUTS, { externalOrderId: payoutId });
    await openAndFund(engine, { payoutId });
    return untilEnded(engine, payoutId, 'paid');
  },
  'payout-paid-after-sent-again-by-a-person': async (engine) => {
    const payoutId = await untilUnknown(engine, 'replay-resend');
    await decide(engine, payoutId, 'resolve', { action: 'resend' });
    return untilEnded(engine, payoutId, 'paid');
  },
  'payout-closed-by-a-person': async (engine) => {
    const payoutId = await untilUnknown(engine, 'replay-close');
    await decide(engine, payoutId, 'resolve', { action: 'close' });
    return untilEnded(engine, payoutId, 'failed');
  },
  'payout-held-in-transit-and-resumed': async (engine) => {
    const payoutId = 'replay-held-in-transit';
    await engine.control('POST', '/outcomes', { outcome: 'stuck', externalOrderId: payoutId });
    await openAndFund(engine, { payoutId });
    const { providerPayoutId } = await engine.untilStatus(payoutId, 'in_transit');
    await decide(engine, payoutId, 'hold');
    await decide(engine, payoutId, 'resume');
    await engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status: 'paid' });
    return untilEnded(engine, payoutId, 'paid');
  },
  'payout-paid-by-another-attempt': async (engine) => {
    const payoutId = 'replay-retry';
    await engine.control('POST', '/outcomes', { outcome: 'failed', externalOrderId: payoutId });
    await startDirectly(engine, payoutRequest({ payoutId }), { onFailedAttempt: 'hold' });
    await engine.fund(await engine.untilStatus(payoutId, 'awaiting_deposit'));
    await untilHoldReasonShown(engine, payoutId, 'ATTEMPT_FAILED');
    await untilAnswer(
      () => decide(engine, payoutId, 'retry'),
      ({ status }) => status === 200,
      'another attempt, once its money is back',
    );
    return untilEnded(engine, payoutId, 'paid');
  },
  'payout-paid-after-partial-deposits': async (engine) => {
    const { payoutId, deposit } = await engine.open({ payoutId: 'replay-partial' });
    for (const amount of ['400', subtractAmounts(deposit.amount, '400')]) {
      const { id } = await depositDeclared(engine, payoutId, amount);
      await untilAllocated(engine, id);
    }
    return untilEnded(engine, payoutId, 'paid');
  },
  'payout-paid-after-held-underfunded': async (engine) => {
    const { payoutId, deposit } = await untilUnderfunded(engine, 'replay-underfunded');
    await depositDeclared(engine, payoutId, deposit.missing);
    return untilEnded(engine, payoutId, 'paid');
  },
  'payout-cancelled-while-underfunded': async (engine) => {
    const { payoutId } = await untilUnderfunded(engine, 'replay-underfunded-cancelled');
    await engine.api('POST', `/v1/payouts/${payoutId}/cancel`);
    return untilEnded(engine, payoutId, 'cancelled');
  },
  'payout-paid-from-balance-after-waiting': async (engine) => {
    const payoutId = 'replay-balance';
    await engine.open({ payoutId, amount: '50000.00', funding: 'balance' });
    await makeAvailable(engine, 'USDT', '8000.123');
    return untilEnded(engine, payoutId, 'paid');
  },
  'payout-failed-and-money-returned': async (engine) => {
    const payoutId = 'replay-returned';
    await engine.control('PATCH', '/settings', { returns: 'manual' });
    await engine.control('POST', '/outcomes', { outcome: 'failed', externalOrderId: payoutId });
    await openAndFund(engine, { payoutId });
    const { providerPayoutId } = await engine.untilStatus(payoutId, 'failed');
    await engine.control('POST', `/payouts/${providerPayoutId}/return`);
    await engine.control('PATCH', '/settings', { returns: 'immediate' });
    return untilEnded(engine, payoutId, 'failed');
  },
};

export const SCENARIO_NAMES = Object.keys(SCENARIOS);

export const pathOf = (scenario: string): string => join(HISTORIES, `${scenario}.json`);

/** One after the other, so that each history is that of a payout which had the engine to itself. */
export async function recordMissingHistories(): Promise<void> {
  const missing = Object.entries(SCENARIOS).filter(([name]) => !existsSync(pathOf(name)));
  if (missing.length === 0) return;
  const engine = await startTestEngine();
  try {
    for (const [name, play] of missing) {
      const workflowId = await play(engine);
      await writeFile(pathOf(name), await readHistory(engine, workflowId));
    }
  } finally {
    await engine.stop();
  }
}

async function untilEnded(engine: TestEngine, payoutId: string, status: string): Promise<string> {
  const workflowId = payoutWorkflowId(payoutId);
  const result = await engine.temporal.client.workflow.getHandle(workflowId).result();
  expect(result).toEqual({ payoutId, status });
  return workflowId;
}

/** Its payout never arrived, and a person has to decide. */
async function untilUnknown(engine: TestEngine, payoutId: string): Promise<string> {
  await orderFault(engine, 'resetBeforeEffect', PAYOUTS, { externalOrderId: payoutId });
  await startDirectly(engine, payoutRequest({ payoutId }), {
    unknownOutcomeWaitSeconds: 0,
    absenceChecks: 1,
  });
  await engine.fund(await engine.untilStatus(payoutId, 'awaiting_deposit'));
  await untilHoldReasonShown(engine, payoutId, 'UNKNOWN_OUTCOME');
  return payoutId;
}

const decide = (engine: TestEngine, payoutId: string, operation: string, more: Json = {}) =>
  engine.api('POST', `/v1/payouts/${payoutId}/${operation}`, { reason: 'recorded', ...more });

async function depositDeclared(engine: TestEngine, payoutId: string, amount: string): Promise<Json> {
  const txHash = randomBytes(32).toString('hex');
  await engine.api('POST', `/v1/payouts/${payoutId}/deposit`, { txHash });
  return engine.control('POST', '/deposits', { currency: 'USDT', amount, txHash });
}

async function untilUnderfunded(engine: TestEngine, payoutId: string): Promise<Json> {
  await startDirectly(engine, payoutRequest({ payoutId }), { depositDeadlineSeconds: 4 });
  await engine.untilStatus(payoutId, 'awaiting_deposit');
  await depositDeclared(engine, payoutId, '700');
  await untilHoldReasonShown(engine, payoutId, 'UNDERFUNDED');
  return engine.untilStatus(payoutId, 'held');
}

const setPrice = (engine: TestEngine, bid: string): Promise<Json> =>
  engine.control('POST', '/price', { symbol: 'USDT/CNY', bid, ask: '6.99' });

async function untilPriceIsAwaited(engine: TestEngine, payoutId: string): Promise<string> {
  const payout = await engine.open({ payoutId });
  await setPrice(engine, '6.5');
  await engine.fund(payout);
  await untilAnswer(
    () => currentDetailsOf(engine, payoutWorkflowId(payoutId)),
    (details) => details.includes('PRICE_TOO_LOW'),
    'waiting for a better price',
  );
  return payoutId;
}

const BETWEEN_TASKS = /^EVENT_TYPE_WORKFLOW_TASK_(?:SCHEDULED|STARTED)$/;

/** As JSON, once no workflow task is under way, and without what names this machine or its folders. */
async function readHistory(engine: TestEngine, workflowId: string): Promise<string> {
  const handle = engine.temporal.client.workflow.getHandle(workflowId);
  const history = await untilAnswer(
    async () => JSON.parse(historyToJSON(await handle.fetchHistory())) as { events: Json[] },
    ({ events }) => !BETWEEN_TASKS.test(events.at(-1)?.eventType ?? ''),
    'no workflow task under way',
  );
  const text = JSON.stringify(history, withoutMachine, 2);
  for (const secret of [CANARY_API_KEY, process.cwd(), engine.env['QBITPAY_BASE_URL'] ?? '-']) {
    if (text.includes(secret)) throw new Error(`the history of ${workflowId} names ${secret}`);
  }
  return `${text}\n`;
}

function withoutMachine(member: string, value: unknown): unknown {
  if (member === 'stackTrace') return '';
  if (member === 'identity') return 'recorder';
  // The queue of one worker process: named after process and host.
  return typeof value === 'string' ? value.replace(/^\d+@\S+-([0-9a-f]{32})$/, 'recorder-$1') : value;
}
