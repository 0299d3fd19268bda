import { z } from 'zod';
import { atCurrencyScale } from '../domain/money.js';
import {
  callFor,
  DISCREPANCIES,
  DISCREPANCY_KIND,
  type Discrepancy,
  type ReconciliationReport,
} from '../domain/reconciliation.js';
import type { ApiServer, RouteDependencies } from './api-server.js';
import { problemAnswer, ProblemError, retryAfter } from './problem.js';
import { answer, decimal, namedObject, scaledAmounts, time } from './schemas.js';

const discrepancy = namedObject('Discrepancy', {
  kind: z.enum(DISCREPANCY_KIND),
  object: z.enum(['payout', 'order', 'deposit', 'transaction', 'balance']),
  currency: z.string().describe('Empty where it cannot be read.'),
  payoutId: z.string().nullable(),
  externalOrderId: z.string().nullable(),
  providerIds: z.array(z.string()),
  store: z.string().nullable().describe('What the store says: an amount, a status.'),
  provider: z.string().nullable().describe('What the provider says.'),
  since: time.describe('From when on it has been so.'),
  ageSeconds: z.int(),
  meaning: z.string().describe('What happened.'),
  action: z.string().describe('What to do about it.'),
  call: z
    .object({ method: z.literal('POST'), path: z.string(), body: z.record(z.string(), z.string()) })
    .nullable()
    .describe('What acts on it, once the action is done: give the reason, and check the rest of the body.'),
});

const outsideActivity = namedObject('OutsideActivity', {
  balanceTransactionId: z.string(),
  type: z.string().describe("The provider's word."),
  currency: z.string(),
  net: decimal.describe('What it did to the balance, with its sign.'),
  createdAt: time,
});

const balanceComparison = namedObject('BalanceComparison', {
  currency: z.string(),
  ledger: decimal,
  provider: decimal.describe('Available and pending together.'),
  explained: decimal.describe('Under way between the two, or part of another discrepancy.'),
  off: decimal.describe('What nothing explains: zero when all is well.'),
  offSince: time.nullable().describe('Since which run it has been off; reported after the grace time.'),
});

const reconciliation = namedObject('Reconciliation', {
  ranAt: time,
  readAt: time.describe('When the last complete reading of the provider began.'),
  since: time
    .nullable()
    .describe(
      'What was clean and has not changed since then was not looked at again; balances cover everything.',
    ),
  clean: z.boolean(),
  discrepancies: z.array(discrepancy),
  outside: z
    .array(outsideActivity)
    .describe('Money that moved without the engine; found and booked by this run.'),
  inFlight: z.int().describe('Too young to be judged: looked at again by the next run.'),
  balances: z.array(balanceComparison),
  compared: z.object({
    payouts: z.int(),
    orders: z.int(),
    deposits: z.int(),
    balanceTransactions: z.int(),
  }),
});

function toReconciliation(report: ReconciliationReport): z.output<typeof reconciliation> {
  const { ranAtMs } = report;
  return {
    ...report,
    ranAt: new Date(ranAtMs),
    readAt: new Date(report.readAtMs),
    since: toTime(report.sinceMs),
    discrepancies: report.discrepancies.map((found) => toDiscrepancy(found, ranAtMs)),
    outside: report.outside.map((activity) => ({
      ...activity,
      net: atCurrencyScale(activity.net, activity.currency),
      createdAt: new Date(activity.createdAtMs),
    })),
    balances: report.balances.map(({ currency, offSinceMs, ...amounts }) => ({
      currency,
      ...scaledAmounts(currency, amounts),
      offSince: toTime(offSinceMs),
    })),
  };
}

function toTime(unixMs: number | null): Date | null {
  return unixMs === null ? null : new Date(unixMs);
}

function toDiscrepancy(found: Discrepancy, ranAtMs: number): z.output<typeof discrepancy> {
  return {
    ...found,
    ...DISCREPANCIES[found.kind],
    call: callFor(found),
    providerIds: [...found.providerIds],
    since: new Date(found.sinceMs),
    ageSeconds: Math.max(0, Math.floor((ranAtMs - found.sinceMs) / 1000)),
  };
}

/** A comparison waits for a reading of the provider: sooner it would hardly have got further. */
const UNFINISHED_RETRY_AFTER_SECONDS = 15;

const GET = {
  operationId: 'getReconciliation',
  summary: 'Compare the store with the provider, now',
  description:
    'It waits for a fresh reading of the provider, and looks at what changed since the run before and at what that left open. Money that moved outside of the engine is booked, once.',
  response: {
    200: answer('What was compared, and every discrepancy with what to do about it.', reconciliation),
    503: problemAnswer(
      'The comparison did not finish in time, or the database or Temporal does not answer (see Retry-After).',
    ),
  },
};

export function addReconciliationRoute(app: ApiServer, dependencies: RouteDependencies): void {
  const onRequest = dependencies.authentication('read');
  app.get('/v1/reconciliation', { onRequest, schema: GET }, async () => {
    const report = await dependencies.reconciliation.run();
    if (report !== undefined) return toReconciliation(report);
    throw new ProblemError(
      'UNAVAILABLE',
      'The comparison did not finish in time: no worker runs, or QbitPay does not answer. Try again.',
      retryAfter(UNFINISHED_RETRY_AFTER_SECONDS),
    );
  });
}
