import { z } from 'zod';
import { ACCOUNT_KIND, ENTRY_CAUSE } from '../domain/ledger.js';
import type { ApiServer, RouteDependencies } from './api-server.js';
import { answerPage, listOf, pageQuery, toList, toListRequest } from './paging.js';
import {
  answer,
  currency,
  decimal,
  depositId,
  namedObject,
  payoutId,
  scaledAmounts,
  signedPosting,
  time,
  withScaledAmount,
} from './schemas.js';
import type { CurrencyBalance, LedgerEntry } from '../store/ledger/ledger-reading.js';

/** What PostgreSQL's bigint holds in any case. */
const ENTRY_ID_PATTERN = /^[1-9]\d{0,17}$/;

export const entryCursor = z
  .string()
  .regex(ENTRY_ID_PATTERN, 'must be the entryId of an entry: 1 to 18 digits');

const moment = z.iso
  .datetime({
    offset: true,
    error: 'must be an ISO 8601 time with its offset, such as 2026-01-31T00:00:00Z; write "+" as %2B',
  })
  .transform((text) => new Date(text));

const ledgerQuery = pageQuery(entryCursor, 'entries', {
  payoutId: payoutId.describe('Entries about this payout.').optional(),
  depositId: depositId.describe('Entries about this deposit.').optional(),
  currency: currency.describe('Entries with a posting in this currency.').optional(),
  from: moment.describe('Entries of this time and later.').optional(),
  to: moment.describe('Entries before this time.').optional(),
}).refine(({ from, to }) => from === undefined || to === undefined || from < to, {
  path: ['from'],
  message: 'must be before to',
});

const ledgerPosting = namedObject('LedgerPosting', {
  account: z.enum(ACCOUNT_KIND),
  payoutId: z.string().nullable().describe("Whose funds the account is, if a payout's."),
  owner: z.string().nullable().describe('Who is owed it, if somebody is.'),
  currency: z.string(),
  amount: signedPosting,
});

const ledgerEntry = namedObject('LedgerEntry', {
  entryId: z.string().describe('A number that grows with every entry.'),
  cause: z.enum(ENTRY_CAUSE),
  causeId: z.string().describe('What caused it; with the cause unique.'),
  fundingAccount: z.string(),
  payoutId: z.string().nullable(),
  depositId: z.string().nullable(),
  actor: z
    .string()
    .nullable()
    .describe('Name of the key of the person who decided it; null where the engine did.'),
  details: z.record(z.string(), z.string()).describe('Numbers behind the entry that are no postings.'),
  at: time,
  postings: z.array(ledgerPosting).describe('They sum to zero per currency.'),
});

const providerBalance = namedObject('ProviderBalance', {
  available: decimal,
  pending: decimal,
  readAt: time,
});

const owedTo = namedObject('OwedTo', {
  owner: z.string(),
  amount: decimal.describe('Negative: the owner owes it.'),
});

const balance = namedObject('Balance', {
  fundingAccount: z.string(),
  currency: z.string(),
  available: decimal.describe("Nobody's but the house's."),
  reserved: decimal.describe(
    'Funds of open payouts, taken from what is owed to their owners and from the available balance.',
  ),
  inPayouts: decimal.describe('Funds of open payouts, deposited for them.'),
  owed: decimal.describe('What owners of payouts are owed, in sum.'),
  owedTo: z.array(owedTo).describe('The same for each owner; those who are owed nothing are left out.'),
  unallocated: decimal.describe('Deposits that belong to no payout.'),
  returnPending: decimal.describe('On its way back from payouts that failed or were cancelled.'),
  missing: decimal.describe('Deposits that the provider does not show any more.'),
  external: decimal.describe('Moved outside of the engine.'),
  rounding: decimal.describe('Parts below the smallest unit of the currency.'),
  shortfall: decimal.describe('Zero or negative: taken beyond the money of whoever it was taken for.'),
  ledger: decimal.describe('What the provider holds according to the ledger.'),
  provider: providerBalance
    .nullable()
    .describe('What the provider said last; null before the first reading.'),
});

function toLedgerEntry(entry: LedgerEntry): z.output<typeof ledgerEntry> {
  return { ...entry, details: { ...entry.details }, postings: entry.postings.map(withScaledAmount) };
}

function toBalance({ fundingAccount, currency, reading, provider, owedTo, ...amounts }: CurrencyBalance) {
  return {
    fundingAccount,
    currency,
    ...scaledAmounts(currency, { ...amounts, ledger: provider }),
    owedTo: owedTo.map(({ owner, amount }) => ({ owner, ...scaledAmounts(currency, { amount }) })),
    provider: reading && {
      ...scaledAmounts(currency, { available: reading.available, pending: reading.pending }),
      readAt: reading.readAt,
    },
  };
}

const BALANCES = {
  operationId: 'listBalances',
  summary: 'Whose the money is, by currency',
  response: {
    200: answer('The balances of all currencies, on one page.', listOf('BalanceList', balance)),
  },
};

const ENTRIES = {
  operationId: 'listLedger',
  summary: 'List the entries of the ledger, newest first',
  querystring: ledgerQuery,
  response: {
    200: answer('A page of entries.', listOf('LedgerEntryList', ledgerEntry)),
  },
};

export function addLedgerRoutes(app: ApiServer, { store, authentication }: RouteDependencies): void {
  const onRequest = authentication('read');
  app.get('/v1/balances', { onRequest, schema: BALANCES }, async () =>
    toList((await store.ledger.readBalances()).map(toBalance), false),
  );
  app.get('/v1/ledger', { onRequest, schema: ENTRIES }, async ({ query }) =>
    answerPage('entry', store.ledger.listLedgerEntries(toListRequest(query)), toLedgerEntry),
  );
}
