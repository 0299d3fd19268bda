import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { untilUnallocated } from '../support/deposits.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import { CANARY_API_KEY, startTestEngine, type TestEngine } from '../support/engine.js';
import { currentDetailsOf, startDirectly } from '../support/payout-workflows.js';
import { openAndFund, orderFault, ORDERS, PAYOUTS, TICKER } from '../support/provider-requests.js';

/** Given in every request, quoted back by the provider in every refusal: it may show up nowhere else. */
const PERSONAL = {
  payerName: 'Canary Recipient Holdings',
  bankAccountNum: '4929-CANARY-8841-0027',
  bankName: 'Canary Savings Bank',
};
const destination = { type: 'bankAccount', ...PERSONAL };
/** As QbitPay may quote a name: of two characters, in upper case, with a card number in brackets. */
const QUOTED = ['仝煢', 'CANARY RECIPIENT HOLDINGS', '(4929 8841 0027 5513)'];
const WORDS = [...Object.values(PERSONAL), ...QUOTED];
const quoting = (text: string): string => `${text}: ${WORDS.join(', ')}, key ${CANARY_API_KEY}`;

const SECRETS = [CANARY_API_KEY, Buffer.from(`${CANARY_API_KEY}:`).toString('base64')];

let engine: TestEngine;
/** Every answer of the API. */
const answers: string[] = [];
const workflowIds: string[] = [];
/** Started by a Temporal client, which gave it the whole request. */
const startedDirectly = payoutRequest({ destination });

beforeAll(async () => {
  engine = await startTestEngine();
  const ended = await Promise.all([
    payOut('paid'),
    payOut('held', PAYOUTS, 'invalid_request_error'),
    payOut('failed', ORDERS, 'invalid_request_error'),
    payOut('held', ORDERS, 'api_error', { status: 402 }),
    payOut('paid', PAYOUTS, 'errorAfterEffect'),
    payOut('paid', PAYOUTS, 'authentication_error'),
    settleAs('failed'),
  ]);
  await startDirectly(engine, startedDirectly, {});
  await engine.untilStatus(startedDirectly.payoutId, 'awaiting_deposit');
  await refuseReads();
  const { id } = await engine.control('POST', '/deposits', { currency: 'USDT', amount: '123.45' });
  await untilUnallocated(engine, id, 'UNMATCHED_DEPOSIT');
  workflowIds.push(...ended.map(payoutWorkflowId));
  await collectAnswers(ended);
});
afterAll(() => engine.stop());

/** Carries one payout to the status, past a fault of which the provider's text quotes everything. */
async function payOut(status: string, endpoint?: string, kind?: string, more: Json = {}): Promise<string> {
  const { payoutId } = payoutRequest();
  if (endpoint !== undefined && kind !== undefined) {
    await orderFault(engine, kind, endpoint, {
      externalOrderId: payoutId,
      message: quoting('refused'),
      ...more,
    });
  }
  answers.push(JSON.stringify(await openAndFund(engine, { payoutId, destination })));
  await engine.untilStatus(payoutId, status);
  return payoutId;
}

async function settleAs(outcome: 'failed'): Promise<string> {
  const { payoutId } = payoutRequest();
  await engine.control('POST', '/outcomes', { outcome, externalOrderId: payoutId });
  await openAndFund(engine, { payoutId, destination });
  await engine.untilStatus(payoutId, outcome);
  return payoutId;
}

async function refuseReads(): Promise<void> {
  await orderFault(engine, 'authentication_error', TICKER, { message: quoting('key refused') });
  await orderFault(engine, 'invalid_request_error', TICKER, { message: quoting('no pair') });
  const refused = await engine.create(payoutRequest({ destination }));
  const invalid = await engine.api('POST', '/v1/payouts', payoutRequest({ destination, amount: 'much' }));
  expect([refused.status, invalid.status]).toEqual([422, 400]);
  answers.push(JSON.stringify(refused.body), JSON.stringify(invalid.body));
}

async function collectAnswers(payoutIds: readonly string[]): Promise<void> {
  const paths = [
    '',
    '/openapi.json',
    '/readyz',
    '/v1/provider',
    '/v1/reconciliation',
    '/v1/brakes',
    '/v1/deposits',
    ...payoutIds.map((payoutId) => `/v1/payouts/${payoutId}`),
  ];
  for (const path of ['/v1/payouts?limit=100', ...paths.slice(1)]) {
    answers.push(JSON.stringify((await engine.api('GET', path)).body));
  }
}

/** What Temporal has and shows of a workflow, payloads decoded; of its members only those that are wanted. */
async function temporalTextOf(
  workflowId: string,
  isWanted: (member: string) => boolean = () => true,
): Promise<string> {
  const handle = engine.temporal.client.workflow.getHandle(workflowId);
  const [history, { raw }, details] = await Promise.all([
    handle.fetchHistory(),
    handle.describe(),
    currentDetailsOf(engine, workflowId),
  ]);
  return JSON.stringify([workflowId, details, raw, history], (member, value: unknown) => {
    if (!isWanted(member)) return undefined;
    // What payloads carry: of arguments, results, memo, search attributes and summaries alike.
    return member === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString() : value;
  });
}

const forEachWorkflow = async (check: (text: string) => void) => {
  for (const workflowId of workflowIds) check(await temporalTextOf(workflowId));
};

function expectNone(text: string, words: readonly string[]): void {
  for (const word of words) {
    const at = text.indexOf(word);
    expect(at < 0 ? undefined : text.slice(Math.max(0, at - 200), at + 100)).toBeUndefined();
  }
}

test('the search finds what is there: the input of whoever started a payout without the API', async () => {
  const text = await temporalTextOf(payoutWorkflowId(startedDirectly.payoutId));
  for (const value of Object.values(PERSONAL)) expect(text.includes(value)).toBe(true);
  expect(engine.logLines.join('\n').includes(workflowIds[1]?.replace('payout/', '') ?? '-')).toBe(true);
  expect(answers.join('\n').includes('DESTINATION_REFUSED')).toBe(true);
});

test('the API key is in no log line', () => {
  expectNone(engine.logLines.join('\n'), SECRETS);
});

test('the API key is in no answer', () => {
  expectNone(answers.join('\n'), SECRETS);
});

test('the API key is nowhere in Temporal', () => forEachWorkflow((text) => expectNone(text, SECRETS)));

test('K46: who is paid is in no log line', () => {
  expectNone(engine.logLines.join('\n'), WORDS);
});

test('K46: who is paid is in no answer: whoever may read a payout need not know', () => {
  expectNone(answers.join('\n'), WORDS);
});

test('K46: who is paid is nowhere in Temporal', () => forEachWorkflow((text) => expectNone(text, WORDS)));

test('K46: who decides can read what QbitPay said', async () => {
  const payoutId = workflowIds[1]?.replace('payout/', '') ?? '';
  const { body } = await engine.api('GET', `/v1/payouts/${payoutId}/answers`);
  for (const word of QUOTED) expect(JSON.stringify(body)).toContain(word);
  expectNone(JSON.stringify(body), SECRETS);
});

test('whoever gives it to Temporal finds it as input only: in no id, result, attribute, summary or details', async () => {
  const workflowId = payoutWorkflowId(startedDirectly.payoutId);
  expectNone(await temporalTextOf(workflowId, (member) => member !== 'input'), Object.values(PERSONAL));
});
