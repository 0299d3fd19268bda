import { z } from 'zod';
import { findDestinationProblems } from '../domain/destination.js';
import { isPrice, MAX_TEXT_LENGTH, PRINTABLE } from '../domain/field-problems.js';
import { PROVIDER_ID_PATTERN } from '../domain/identifiers.js';
import { isFinalStatus, PAYOUT_STATUS } from '../domain/payout-status.js';
import type { DecisionContent } from '../temporal/payout-gateway.js';
import type { ApiServer, RouteDependencies } from './api-server.js';
import { payout, toPayout } from './payout-resource.js';
import { destination, NO_SUCH_PAYOUT, readPayout } from './payouts.js';
import { problemAnswer, ProblemError, retryAfter } from './problem.js';
import { answer, payoutParams } from './schemas.js';
import type { PayoutRecord } from '../store/payouts/payout-reading.js';

export const reason = z
  .string('must be a string')
  .trim()
  .min(1, 'must say why')
  .max(MAX_TEXT_LENGTH)
  .regex(PRINTABLE, 'must have no control or invisible characters')
  .describe('Why; kept beside the name of the key.');

/** Cancelling needs no body: whoever asks for a payout may take it back. */
const cancellationBody = z.strictObject({ reason: reason.optional() }).nullish().meta({ id: 'Cancellation' });

const decisionBody = z.strictObject({ reason }).meta({ id: 'Decision' });

const resumeBody = z
  .strictObject({
    acceptPrice: z
      .string()
      .refine(isPrice, 'must be a decimal string above zero')
      .describe('Of a payout held as PRICE_MOVED: it goes on at this price or a better one. See priceOffer.')
      .optional(),
    reason,
  })
  .meta({ id: 'Resumption', examples: [{ acceptPrice: '6.50', reason: 'agreed with the payer' }] });

const resolveBody = z
  .strictObject({
    action: z
      .enum(['adopt', 'disown', 'resend', 'close', 'paid'])
      .describe(
        "adopt: QbitPay has it as providerPayoutId (of an order that is looked for: the order's id). disown: what QbitPay has as providerPayoutId is somebody else's, go on without it. resend: it never arrived, send it again. close: it never arrived, end the payout. paid: QbitPay does not say so in words that the engine knows, and there is evidence.",
      ),
    providerPayoutId: z
      .string()
      .regex(PROVIDER_ID_PATTERN, 'must be an id as QbitPay shows it, and not "." or ".."')
      .optional(),
    reason,
  })
  .refine((body) => ['adopt', 'disown'].includes(body.action) === (body.providerPayoutId !== undefined), {
    path: ['providerPayoutId'],
    message: 'is needed to adopt or disown, and only then',
  })
  .meta({ id: 'Resolution' });

const retryBody = z
  .strictObject({ destination: destination.optional(), reason })
  .superRefine((body, context) => {
    if (body.destination === undefined) return;
    for (const { field, message } of findDestinationProblems(body.destination)) {
      context.addIssue({ code: 'custom', path: field.split('.'), message });
    }
  })
  .meta({ id: 'Retry' });

export const decisionHeaders = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A–Z a–z 0–9 . _ -')
    .optional()
    .describe('A name of your own for this decision: repeated under it, it changes nothing.'),
});

const CANCEL = {
  operationId: 'cancelPayout',
  summary: 'Cancel a payout before its money leaves',
  description: 'Can be repeated: a payout that is cancelled already is answered as it is.',
  params: payoutParams,
  body: cancellationBody,
  response: {
    200: answer('The payout is cancelled.', payout),
    404: NO_SUCH_PAYOUT,
    409: problemAnswer('The payout has ended, or its money may have left.'),
  },
};

const DECISIONS = [
  { operation: 'hold', summary: 'Put a payout on hold', body: decisionBody },
  { operation: 'resume', summary: 'Take a held payout on', body: resumeBody },
  {
    operation: 'resolve',
    summary: 'Say what became of a request whose outcome is not known',
    body: resolveBody,
  },
  { operation: 'retry', summary: 'Make a new attempt, to another destination if need be', body: retryBody },
] as const;

function describeDecision({ operation, summary, body }: (typeof DECISIONS)[number]) {
  return {
    operationId: `${operation}Payout`,
    summary,
    description: 'With an Idempotency-Key it is carried out once, however often it is sent.',
    params: payoutParams,
    headers: decisionHeaders,
    body,
    response: {
      200: answer('Done; the payout as it is now.', payout),
      404: NO_SUCH_PAYOUT,
      409: problemAnswer('It makes no sense for this payout now; the detail says why.'),
      422: problemAnswer('Another decision was made under the Idempotency-Key.'),
    },
  };
}

/** What people decide about payouts. Each call is refused, with the reason, where it makes no sense. */
export function addPayoutDecisionRoutes(app: ApiServer, dependencies: RouteDependencies): void {
  const { authentication } = dependencies;
  app.post(
    '/v1/payouts/:payoutId/cancel',
    { onRequest: authentication('create'), schema: CANCEL },
    async ({ params: { payoutId }, body, actor }) =>
      cancelPayout(dependencies, payoutId, { actor, reason: body?.reason }),
  );
  const onRequest = authentication('operate');
  for (const decision of DECISIONS) {
    const { operation } = decision;
    const schema = describeDecision(decision);
    app.post(`/v1/payouts/:payoutId/${operation}`, { onRequest, schema }, async (request) =>
      // The body was validated by the schema of this operation.
      decidePayout(dependencies, request, { operation, ...request.body } as DecisionContent),
    );
  }
}

async function cancelPayout(
  { store, payouts }: RouteDependencies,
  payoutId: string,
  { actor, reason }: { readonly actor: string; readonly reason: string | undefined },
) {
  const before = await readPayout(store, payoutId);
  if (isFinalStatus(before.status)) return toCancelledPayout(before);
  const why = await store.payouts.whyNotCancelled(payoutId);
  if (why !== undefined) throw new ProblemError('CANCEL_REFUSED', `The payout cannot be cancelled: ${why}.`);
  const outcome = await payouts.cancel(before, actor, reason);
  if (outcome.kind === 'refused') throw new ProblemError('CANCEL_REFUSED', outcome.message);
  if (outcome.kind === 'unreadable') throw providerUnreadable(outcome.message);
  return toCancelledPayout(await readPayout(store, payoutId));
}

function toCancelledPayout(record: PayoutRecord) {
  const { status } = record;
  if (status === PAYOUT_STATUS.CANCELLED) return toPayout(record);
  if (isFinalStatus(status)) throw new ProblemError('PAYOUT_ENDED', `The payout has ended as "${status}".`);
  throw new ProblemError(
    'CANCEL_REFUSED',
    `The payout is "${status}" and its workflow did not take the request; read it again.`,
  );
}

interface DecisionRequest {
  readonly params: z.output<typeof payoutParams>;
  readonly headers: z.output<typeof decisionHeaders>;
  readonly actor: string;
}

async function decidePayout(
  { store, payouts }: RouteDependencies,
  { params: { payoutId }, headers, actor }: DecisionRequest,
  decided: DecisionContent,
) {
  const before = await readPayout(store, payoutId);
  const { status, holdReason } = before;
  const key = headers['idempotency-key'];
  // Not the id of the update: under that, Temporal would answer a first refusal for ever.
  const operationId = key && (await store.decisions.nameOperation(`${decided.operation}:${key}`, decided));
  const early = await store.decisions.answerEarly({ payoutId, operationId }, decided.operation);
  if (early?.ok === true) return toPayout(before);
  if (early !== undefined && 'isKeyTaken' in early) {
    throw new ProblemError('IDEMPOTENCY_KEY_REUSED', 'Another decision was made under this key.');
  }
  if (early !== undefined) throw decisionRefused(`Refused: ${early.message}.`);
  const seen = { status, holdReason };
  const outcome = await payouts.decide(before, { ...decided, actor, operationId, seen });
  if (outcome.kind === 'refused') throw decisionRefused(`Refused: ${outcome.message}.`);
  if (outcome.kind === 'unreadable') throw providerUnreadable(outcome.message);
  const after = await readPayout(store, payoutId);
  if (outcome.kind === 'done') return toPayout(after);
  throw decisionRefused(`The payout is "${after.status}"; read it again.`);
}

function decisionRefused(detail: string): ProblemError {
  return new ProblemError('OPERATION_REFUSED', detail);
}

const PROVIDER_RETRY_AFTER_SECONDS = 10;

/** What a person decides about has to be read at QbitPay first, and could not be. */
function providerUnreadable(message: string): ProblemError {
  const detail = `${message} Nothing was changed: try again later.`;
  return new ProblemError('UNAVAILABLE', detail, retryAfter(PROVIDER_RETRY_AFTER_SECONDS));
}
