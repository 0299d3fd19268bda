import { FAILURES } from '../../../src/domain/failure-type.js';
import { TemporalUnavailableError } from '../../../src/temporal/temporal-unavailable-error.js';
import { refuse } from '../../../src/store/outcome.js';
import type { DecisionOutcome } from '../../../src/temporal/payout-gateway.js';
import {
  ACCOUNT_NUMBER,
  asOps,
  asShop,
  closeApis,
  createFakes,
  openApi,
  recordOf,
  REQUEST,
} from './api-fixture.js';
import type { PayoutRecord } from '../../../src/store/payouts/payout-reading.js';

afterEach(closeApis);

const ID = 'inv-2026-0001';
const REASON = 'checked with the bank';
const HELD = recordOf({ status: 'held', holdReason: 'HELD_BY_OPERATOR', heldFrom: 'converting' });
const { destination: DESTINATION } = REQUEST;

/** Every operation, with a body that it takes. */
const OPERATIONS: readonly [string, object][] = [
  ['hold', { reason: REASON }],
  ['resume', { reason: REASON }],
  ['resolve', { action: 'resend', reason: REASON }],
  ['resolve', { action: 'close', reason: REASON }],
  ['resolve', { action: 'adopt', providerPayoutId: 'po_1', reason: REASON }],
  ['retry', { reason: REASON }],
  ['retry', { destination: DESTINATION, reason: REASON }],
];

const pathOf = (operation: string): string => `/v1/payouts/${ID}/${operation}`;

/** A workflow that answers so, and a store that holds `after` from then on. */
function createDecisionFakes(
  before: PayoutRecord | undefined,
  outcome: DecisionOutcome = { kind: 'done' },
  after?: PayoutRecord,
) {
  const fakes = createFakes(...(before === undefined ? [] : [before]));
  fakes.payouts.decide = ({ payoutId }, operation) => {
    fakes.calls.push({ payoutId, ...operation });
    if (after !== undefined) fakes.kept.set(ID, after);
    return Promise.resolve(outcome);
  };
  return fakes;
}

it.each(OPERATIONS)(
  '%s %j tells the workflow who decided what and why, and what he saw, and answers with the payout as it is then',
  async (operation, body) => {
    const fakes = createDecisionFakes(HELD, { kind: 'done' }, recordOf({ status: 'converting' }));
    const { app } = await openApi(fakes);
    const answer = await app.inject(asOps('POST', pathOf(operation), body));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ payoutId: ID, status: 'converting', hold: null });
    const seen = { status: 'held', holdReason: 'HELD_BY_OPERATOR' };
    expect(fakes.calls).toEqual([{ payoutId: ID, operation, actor: 'ops', ...body, seen }]);
  },
);

describe('a decision', () => {
  const decide = asOps('POST', pathOf('hold'), { reason: REASON });

  it('passes on by which name its caller repeats it', async () => {
    const fakes = createDecisionFakes(HELD);
    const { app } = await openApi(fakes);
    const named = (key: string) => ({ ...decide, headers: { ...decide.headers, 'idempotency-key': key } });
    expect((await app.inject(named('night-1'))).statusCode).toBe(200);
    expect(fakes.calls).toMatchObject([{ operationId: 'hold:night-1#hash' }]);
    const refused = await app.inject(named('night 1'));
    expect(refused.json()).toMatchObject({ status: 400, errors: [{ field: 'idempotency-key' }] });
  });

  it('is 422 under a key that another one was made under', async () => {
    const fakes = createDecisionFakes(HELD);
    fakes.store.decisions.answerEarly = () => Promise.resolve({ ...refuse('taken'), isKeyTaken: true });
    const { app } = await openApi(fakes);
    const named = { ...decide, headers: { ...decide.headers, 'idempotency-key': 'night-1' } };
    expect((await app.inject(named)).json()).toMatchObject({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(fakes.calls).toEqual([]);
  });

  it('is answered with the reason where it makes no sense', async () => {
    const message = 'the payout is held as UNDERFUNDED: possible are cancel';
    const { app } = await openApi(createDecisionFakes(HELD, { kind: 'refused', message }));
    const answer = await app.inject(decide);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.json()).toMatchObject({
      status: 409,
      code: 'OPERATION_REFUSED',
      detail: `Refused: ${message}.`,
    });
  });

  it('is refused when the payout ended at that moment, with the status that the store has then', async () => {
    const ended = recordOf({ status: 'paid' });
    const { app } = await openApi(createDecisionFakes(HELD, { kind: 'notRunning' }, ended));
    const answer = (await app.inject(decide)).json<{ detail: string }>();
    expect(answer).toMatchObject({ status: 409, code: 'OPERATION_REFUSED' });
    expect(answer.detail).toContain('"paid"');
  });

  it('is 404 for a payout that the store does not know', async () => {
    const fakes = createDecisionFakes(undefined);
    const { app } = await openApi(fakes);
    const answer = await app.inject(decide);
    expect(answer.json()).toMatchObject({ status: 404, code: 'PAYOUT_NOT_FOUND' });
    expect(fakes.calls).toEqual([]);
  });

  it('K45: is answered by the store where that knows the answer, and its workflow is left alone', async () => {
    const fakes = createDecisionFakes(recordOf({ status: 'failed' }));
    const { app } = await openApi(fakes);
    const asked: unknown[] = [];
    fakes.store.decisions.answerEarly = (decision, operation) => {
      asked.push([decision, operation]);
      const isRepeated = decision.operationId !== undefined;
      return Promise.resolve(isRepeated ? { ok: true, isRepetition: true } : refuse('it has ended'));
    };
    const refused = (await app.inject(decide)).json<object>();
    expect(refused).toMatchObject({ code: 'OPERATION_REFUSED', detail: 'Refused: it has ended.' });
    const repeated = { ...decide, headers: { ...decide.headers, 'idempotency-key': 'night-1' } };
    expect((await app.inject(repeated)).json()).toMatchObject({ status: 'failed' });
    expect(asked).toEqual([
      [{ payoutId: ID }, 'hold'],
      [{ payoutId: ID, operationId: 'hold:night-1#hash' }, 'hold'],
    ]);
    fakes.store.payouts.whyNotCancelled = () => Promise.resolve('QbitPay has it');
    fakes.kept.set(ID, recordOf({ status: 'in_transit' }));
    const cancelled = (await app.inject(asShop('POST', pathOf('cancel')))).json<object>();
    const detail = 'The payout cannot be cancelled: QbitPay has it.';
    expect(cancelled).toMatchObject({ status: 409, code: 'CANCEL_REFUSED', detail });
    expect(fakes.calls).toEqual([]);
  });

  it.each<[string, (fakes: ReturnType<typeof createFakes>) => void]>([
    [
      'Temporal does not answer',
      ({ payouts }) => {
        payouts.decide = () => Promise.reject(new TemporalUnavailableError('away'));
      },
    ],
    [
      'the database does not answer',
      ({ store }) => {
        store.payouts.findPayout = () =>
          Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' }));
      },
    ],
  ])('is 503 when %s: whether it took effect is not known', async (_name, breakIt) => {
    const fakes = createDecisionFakes(HELD);
    breakIt(fakes);
    const { app } = await openApi(fakes);
    const answer = await app.inject(decide);
    expect(answer.json()).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    expect(answer.headers['retry-after']).toBeDefined();
    expect(answer.body).not.toContain('away');
  });
});

describe('a decision that cannot be read', () => {
  const withoutBankName = { ...DESTINATION, bankName: undefined };

  it.each<[string, unknown, string]>([
    ['hold', {}, 'reason'],
    ['hold', { reason: ' ' }, 'reason'],
    ['hold', { reason: 'x'.repeat(257) }, 'reason'],
    ['hold', { reason: 'as agreed\u0000' }, 'reason'],
    ['hold', { reason: REASON, actor: 'somebody' }, 'actor'],
    ['hold', undefined, ''],
    ['resume', { reason: REASON, action: 'resend' }, 'action'],
    ['resolve', { action: 'resend' }, 'reason'],
    ['resolve', { action: 'pay', reason: REASON }, 'action'],
    ['resolve', { action: 'adopt', reason: REASON }, 'providerPayoutId'],
    ['resolve', { action: 'adopt', providerPayoutId: '..', reason: REASON }, 'providerPayoutId'],
    ['resolve', { action: 'adopt', providerPayoutId: 'a b', reason: REASON }, 'providerPayoutId'],
    ['resolve', { action: 'close', providerPayoutId: 'po_1', reason: REASON }, 'providerPayoutId'],
    ['retry', {}, 'reason'],
    ['retry', { destination: {}, reason: REASON }, 'destination.type'],
    ['retry', { destination: withoutBankName, reason: REASON }, 'destination.bankName'],
    ['retry', { destination: DESTINATION, amount: '1', reason: REASON }, 'amount'],
  ])('%s %j is refused, naming the field "%3$s"', async (operation, body, field) => {
    const fakes = createDecisionFakes(HELD);
    const { app } = await openApi(fakes);
    const answer = await app.inject(asOps('POST', pathOf(operation), body as object));
    expect(answer.json()).toMatchObject({ status: 400, code: 'VALIDATION_FAILED' });
    expect(answer.json<{ errors: { field: string }[] }>().errors.map((error) => error.field)).toContain(
      field,
    );
    expect(fakes.calls).toEqual([]);
  });

  it('repeats nothing of a destination that it refuses, neither in the answer nor in the log', async () => {
    const { app, logLines } = await openApi(createDecisionFakes(HELD));
    const body = { destination: withoutBankName, reason: REASON };
    const answer = await app.inject(asOps('POST', pathOf('retry'), body));
    expect(answer.statusCode).toBe(400);
    expect(`${answer.body}${logLines.join('')}`).not.toContain(ACCOUNT_NUMBER);
  });
});

it('a held payout is answered with what can be done about it', async () => {
  const { app } = await openApi(createDecisionFakes(recordOf(), { kind: 'done' }, HELD));
  const answer = await app.inject(asOps('POST', pathOf('hold'), { reason: REASON }));
  const { meaning, action } = FAILURES.HELD_BY_OPERATOR;
  expect(answer.json()).toMatchObject({
    status: 'held',
    hold: { reason: 'HELD_BY_OPERATOR', meaning, action, actions: ['resume', 'cancel'] },
  });
});
