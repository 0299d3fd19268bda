import { z } from 'zod';
import { atCurrencyScale } from '../domain/money.js';
import {
  DISCREPANCIES,
  DISCREPANCY_KIND,
  type Discrepancy,
  type ReconciliationReport,
} from '../domain/reconciliation.js';
import type { ApiServer, RouteDependencies } from './api-server.js';
import { COMMON_PROBLEMS, problemAnswer, ProblemError, retryAfter } from './problem.js';
import { answer, decimal, namedSchemas, time } from './schemas.js';

const discrepancy = z
  .object({
    kind: z.enum(DISCREPANCY_KIND),
    object: z.enum(['payout', 'order', 'deposit', 'balance']),
    currency: z.string(),
    payoutId: z.string().nullable(),
    externalOrderId: z.string().nullable(),
    providerIds: z.array(z.string()),
    store: z.string().nullable().meta({ description: 'What the store says: an amount, a status.' }),
    provider: z.string().nullable().meta({ description: 'What the provider says.' }),
    since: time.meta({ description: 'From when on it has been so.' }),
    ageSeconds: z.int(),
    meaning: z.string().meta({ description: 'What happened.' }),
    action: z.string().meta({ description: 'What to do about it.' }),
  })
  .register(namedSchemas, { id: 'Discrepancy' });

const outsideActivity = z
  .object({
    balanceTransactionId: z.string(),
    type: z.string().meta({ description: "The provider's word." }),
    currency: z.string(),
    net: decimal.meta({ description: 'What it did to the balance, with its sign.' }),
    createdAt: time,
  })
  .register(namedSchemas, { id: 'OutsideActivity' });

const balanceComparison = z
  .object({
    currency: z.string(),
    ledger: decimal,
    provider: decimal.meta({ description: 'Available and pending together.' }),
    explained: decimal.meta({ description: 'Under way between the two, or part of another discrepancy.' }),
    off: decimal.meta({ description: 'What nothing explains: zero when all is well.' }),
  })
  .register(namedSchemas, { id: 'BalanceComparison' });

const reconciliation = z
  .object({
    ranAt: time,
    since: time.meta({
      description: "The provider's objects older than this were not read; balances cover everything.",
    }),
    clean: z.boolean(),
    discrepancies: z.array(discrepancy),
    outside: z
      .array(outsideActivity)
      .meta({ description: 'Money that moved without the engine; found and booked by this run.' }),
    inFlight: z.int().meta({ description: 'Too young to be judged: looked at again by the next run.' }),
    balances: z.array(balanceComparison),
    compared: z.object({
      payouts: z.int(),
      orders: z.int(),
      deposits: z.int(),
      balanceTransactions: z.int(),
    }),
  })
  .register(namedSchemas, { id: 'Reconciliation' });

function toReconciliation(report: ReconciliationReport): z.output<typeof reconciliation> {
  const { ranAtMs } = report;
  return {
    ...report,
    ranAt: new Date(ranAtMs),
    since: new Date(report.sinceMs),
    discrepancies: report.discrepancies.map((found) => toDiscrepancy(found, ranAtMs)),
    outside: report.outside.map((activity) => ({
      ...activity,
      net: atCurrencyScale(activity.net, activity.currency),
      createdAt: new Date(activity.createdAtMs),
    })),
    balances: report.balances.map(({ currency, ledger, provider, explained, off }) => ({
      currency,
      ledger: atCurrencyScale(ledger, currency),
      provider: atCurrencyScale(provider, currency),
      explained: atCurrencyScale(explained, currency),
      off: atCurrencyScale(off, currency),
    })),
  };
}

function toDiscrepancy(found: Discrepancy, ranAtMs: number): z.output<typeof discrepancy> {
  return {
    ...found,
    ...DISCREPANCIES[found.kind],
    providerIds: [...found.providerIds],
    since: new Date(found.sinceMs),
    // The provider's clock may be ahead of ours.
    ageSeconds: Math.max(0, Math.floor((ranAtMs - found.sinceMs) / 1000)),
  };
}

/** A comparison reads the provider's lists page by page: sooner it would hardly have got further. */
const UNFINISHED_RETRY_AFTER_SECONDS = 15;

const GET = {
  operationId: 'getReconciliation',
  summary: 'Compare the store with the provider, now',
  description:
    'It follows up what it finds: money that came back or moved outside of the engine is booked, once, and a deposit that nobody announced is verified as if it had been.',
  tags: ['ledger'],
  response: {
    200: answer('What was compared, and every discrepancy with what to do about it.', reconciliation),
    ...COMMON_PROBLEMS,
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
      'The comparison did not finish in time: no worker runs, QbitPay does not answer, or there is much to read. Try again.',
      retryAfter(UNFINISHED_RETRY_AFTER_SECONDS),
    );
  });
}
