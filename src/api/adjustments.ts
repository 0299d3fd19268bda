import { z } from 'zod';
import { ADJUSTMENT_KIND, ENTRY_CAUSE } from '../domain/ledger.js';
import { amountRule, isPayableAmount } from '../domain/money.js';
import { toAdjustment } from '../store/ledger/adjustments.js';
import type { LedgerEntry } from '../store/ledger/ledger-reading.js';
import type { ApiServer, RouteDependencies } from './api-server.js';
import { entryCursor } from './ledger.js';
import { answerPage, listOf, pageQuery, toListRequest } from './paging.js';
import { decisionHeaders, reason } from './payout-decisions.js';
import { owner } from './payout-resource.js';
import { problemAnswer, ProblemError } from './problem.js';
import { answer, currency, decimal, namedObject, payoutId, time, withScaledAmount } from './schemas.js';

/* What persons put right in the books. */

const body = z
  .strictObject({
    kind: z
      .enum(ADJUSTMENT_KIND)
      .describe(
        'account_fee: QbitPay took a fee that no transaction shows. correction: QbitPay holds more (or, with a negative amount, less) than the ledger knows of. write_off: the rest of the return of payoutId does not come; with an owner, what he owes; without either, a shortfall is made good: both out of the available balance.',
      ),
    currency,
    amount: z.string('must be a string').describe('Decimal string; negative only in a correction.'),
    payoutId: payoutId.optional(),
    owner: owner.describe('Who owes what is written off.').optional(),
    reason,
  })
  .superRefine(({ kind, currency, amount, payoutId, owner }, context) => {
    const size = kind === ADJUSTMENT_KIND.CORRECTION ? amount.replace(/^-/, '') : amount;
    if (!isPayableAmount(size, currency)) {
      context.addIssue({ code: 'custom', path: ['amount'], message: amountRule(currency) });
    }
    for (const [field, value] of Object.entries({ payoutId, owner })) {
      if (value === undefined || kind === ADJUSTMENT_KIND.WRITE_OFF) continue;
      context.addIssue({ code: 'custom', path: [field], message: 'is for a write_off only' });
    }
    if (payoutId !== undefined && owner !== undefined) {
      context.addIssue({ code: 'custom', path: ['owner'], message: 'cannot be combined with payoutId' });
    }
  })
  .meta({ id: 'AdjustmentRequest' });

const adjustment = namedObject('Adjustment', {
  adjustmentId: z.string().describe('The Idempotency-Key where there was one.'),
  entryId: z.string().describe('Its entry in the ledger.'),
  kind: z.enum(ADJUSTMENT_KIND),
  currency: z.string(),
  amount: decimal,
  payoutId: z.string().nullable(),
  owner: z.string().nullable(),
  reason: z.string(),
  actor: z.string().nullable().describe('Name of the key.'),
  at: time,
});

const ADJUST = {
  operationId: 'adjustLedger',
  summary: 'Put the books right, with a reason',
  description: 'With an Idempotency-Key it is booked once, however often it is sent.',
  headers: decisionHeaders,
  body,
  response: {
    201: answer('Booked, now or before under the same key.', adjustment),
    422: problemAnswer('It makes no sense now, or the key was used for another one; the detail says why.'),
  },
};

const LIST = {
  operationId: 'listAdjustments',
  summary: 'List what persons put right in the books, newest first',
  querystring: pageQuery(entryCursor, 'adjustments', { currency: currency.optional() }),
  response: { 200: answer('A page of adjustments.', listOf('AdjustmentList', adjustment)) },
};

function toAnswer(entry: LedgerEntry): z.output<typeof adjustment> {
  const { entryId, causeId: adjustmentId, actor, at } = entry;
  return { ...withScaledAmount(toAdjustment(entry)), adjustmentId, entryId, actor, at };
}

export function addAdjustmentRoutes(app: ApiServer, { store, authentication }: RouteDependencies): void {
  app.post(
    '/v1/ledger/adjustments',
    { onRequest: authentication('operate'), schema: ADJUST },
    async ({ body: { payoutId = null, owner = null, ...asked }, headers, actor }, reply) => {
      const idempotencyKey = headers['idempotency-key'];
      const outcome = await store.ledger.adjustLedger({ ...asked, payoutId, owner, actor, idempotencyKey });
      switch (outcome.kind) {
        case 'booked':
          return reply.code(201).send(toAnswer(outcome.entry));
        case 'refused':
          throw new ProblemError('ADJUSTMENT_REFUSED', `Refused: ${outcome.message}.`);
        case 'keyTaken':
          throw new ProblemError('IDEMPOTENCY_KEY_REUSED', 'Another adjustment was made under this key.');
      }
    },
  );
  app.get(
    '/v1/ledger/adjustments',
    { onRequest: authentication('read'), schema: LIST },
    async ({ query }) => {
      const listed = { ...toListRequest(query), cause: ENTRY_CAUSE.ADJUSTMENT };
      return answerPage('entry', store.ledger.listLedgerEntries(listed), toAnswer);
    },
  );
}
