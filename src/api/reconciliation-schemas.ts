import { z } from 'zod';
import { DISCREPANCY_KIND } from '../domain/reconciliation.js';
import { decimal, namedSchemas, time } from './schema-parts.js';

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

export const reconciliation = z
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
