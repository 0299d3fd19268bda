import { z } from 'zod';
import { accountEndingOf, DESTINATION_TYPES } from '../domain/destination.js';
import { FAILURES, OPERATOR_ACTION, type FailureType } from '../domain/failure-type.js';
import { NAME_PATTERN, NAME_RULE } from '../domain/identifiers.js';
import { ACCOUNT_KIND, ENTRY_CAUSE } from '../domain/ledger.js';
import { atCurrencyScale, compareAmounts, subtractAmounts } from '../domain/money.js';
import { AMOUNT_MODE, DEPOSIT_MATCH, FUNDING } from '../domain/payout-request.js';
import { PAYOUT_STATUSES } from '../domain/payout-status.js';
import { PROVIDER_ORDER_STATUS } from '../domain/provider-status.js';
import {
  decimal,
  failureType,
  namedObject,
  payoutId,
  scaledAmounts,
  signedPosting,
  time,
  withScaledAmount,
} from './schemas.js';
import type { LedgerEntry } from '../store/ledger/ledger-reading.js';
import type {
  OrderRecord,
  PayoutDepositRecord,
  PayoutRecord,
  TimelineEntry,
} from '../store/payouts/payout-reading.js';

/* What callers see of a payout. */

export const amountMode = z
  .enum(AMOUNT_MODE)
  .describe(
    'receive: the recipient gets exactly amount, in currency. send: exactly amount, in fundingCurrency, is spent.',
  );
export const funding = z
  .enum(FUNDING)
  .describe(
    'deposit: a deposit is made for the payout. balance: it is paid from what is owed to its owner, then from the available balance.',
  );
export const owner = z
  .string()
  .regex(NAME_PATTERN, NAME_RULE)
  .describe('Whose the payout is: the owner of the key that asked for it.');
export const payoutStatus = z.enum(PAYOUT_STATUSES);

const deposit = namedObject('Deposit', {
  currency: z.string(),
  network: z.string().describe('Money sent over another network is lost.'),
  address: z.string(),
  amount: decimal.describe('Send exactly this, to the last digit.'),
  matchedBy: z
    .enum(DEPOSIT_MATCH)
    .describe(
      'amount: the last digits say whose deposit it is. transaction: the amount is too small for that; say which transaction brings it.',
    ),
  received: decimal,
  missing: decimal.describe('What has still to come.'),
  expiresAt: time,
});

const order = namedObject('Order', {
  providerOrderId: z.string(),
  symbol: z.string(),
  amount: decimal.describe('Sold, in the funding currency.'),
  price: decimal,
  quoteAmount: decimal.describe('Brought in, before the fee.'),
  fee: decimal,
  status: z.enum(Object.values(PROVIDER_ORDER_STATUS)),
});

const hold = namedObject('Hold', {
  reason: failureType,
  meaning: z.string().describe('What happened.'),
  action: z.string().describe('What to do about it.'),
  actions: z
    .array(z.enum(Object.values(OPERATOR_ACTION)))
    .describe('The calls that are possible now; empty while it goes on by itself.'),
});

const pricedSale = z.object({
  price: decimal,
  sells: decimal.describe('In the funding currency.'),
  recipientAmount: decimal.describe('In the payout currency.'),
});

const priceOffer = namedObject('PriceOffer', {
  quoted: pricedSale.describe('What it was to be when it was opened.'),
  now: pricedSale.describe('What it would be at the last price.'),
  missing: decimal.describe('What its money lacks for that sale, in the funding currency.'),
  left: decimal.describe('What that sale leaves of its money.'),
});

const failure = namedObject('Failure', { type: failureType, message: z.string() });

const payoutDestination = namedObject('PayoutDestination', {
  attempt: z.int().describe('The first attempt that goes there.'),
  type: z.enum(DESTINATION_TYPES),
  accountEnding: z
    .string()
    .nullable()
    .describe('The last four characters of the account or address; null where it is short.'),
  since: time,
});

const timelineEntry = namedObject('TimelineEntry', { status: payoutStatus, at: time, detail: z.string() });

const payoutPosting = namedObject('PayoutPosting', {
  entryId: z.string(),
  cause: z.enum(ENTRY_CAUSE),
  at: time,
  account: z.enum(ACCOUNT_KIND),
  currency: z.string(),
  amount: signedPosting,
});

export const payout = namedObject('Payout', {
  payoutId,
  owner,
  status: payoutStatus,
  amount: decimal,
  currency: z.string(),
  amountMode,
  fundingCurrency: z.string(),
  funding,
  description: z.string().optional(),
  deposit: deposit.nullable().describe('What to deposit, and where; null until the payout is open.'),
  createdAt: time,
  destinationType: z.enum(DESTINATION_TYPES),
  destinationChanged: z.boolean().describe('It goes elsewhere than was asked for, by a decision.'),
  destinations: z
    .array(payoutDestination)
    .describe('Where it was to go, and goes since a retry changed that: the last one counts.'),
  updatedAt: time,
  providerPayoutId: z.string().nullable(),
  order: order.nullable(),
  fee: decimal.nullable().describe("The provider's fee, in the payout currency."),
  recipientAmount: decimal.nullable().describe("What the recipient gets, by the provider's answer."),
  returnPending: decimal
    .nullable()
    .describe(
      'On its way back from QbitPay, in the payout currency; null where nothing is. A payout that is paid is returned when all of it is back, or the rest is written off.',
    ),
  holdReason: failureType.nullable(),
  hold: hold.nullable().describe('What the payout waits for, and what to do about it.'),
  priceOffer: priceOffer
    .nullable()
    .describe('While it is held as PRICE_MOVED: what resume with acceptPrice comes to.'),
  failure: failure.nullable().describe('Why the payout ended without paying.'),
  flags: z.array(failureType).describe('What is worth a look, and keeps the payout from nothing.'),
});

export const payoutWithTimeline = payout
  .extend({
    timeline: z.array(timelineEntry).describe('Oldest first.'),
    postings: z.array(payoutPosting).describe('What the ledger booked for it, oldest first.'),
  })
  .meta({ id: 'PayoutWithTimeline' });

/** The request stays behind: its destination is personal data. */
export function toPayout({ request, destinations, ...record }: PayoutRecord): z.output<typeof payout> {
  const { currency, providerPayout } = record;
  const returnPending = providerPayout?.returnPending ?? '0';
  return {
    ...record,
    description: request.description,
    destinationType: request.destination.type,
    destinationChanged: destinations.length > 1,
    destinations: destinations.map(({ attempt, destination, since }) => {
      return { attempt, type: destination.type, accountEnding: accountEndingOf(destination), since };
    }),
    deposit: record.deposit && toDeposit(record.deposit),
    providerPayoutId: providerPayout?.providerPayoutId ?? null,
    order: record.order && toOrder(record.order, record),
    fee: providerPayout && atCurrencyScale(providerPayout.fee, currency),
    recipientAmount: providerPayout && atCurrencyScale(providerPayout.recipientAmount, currency),
    returnPending: compareAmounts(returnPending, '0') > 0 ? atCurrencyScale(returnPending, currency) : null,
    hold: toHold(record.holdReason),
    flags: [...record.flags],
  };
}

export function toPayoutWithTimeline(
  record: PayoutRecord,
  timeline: readonly TimelineEntry[],
  entries: readonly LedgerEntry[],
): z.output<typeof payoutWithTimeline> {
  const postings = entries.flatMap(({ entryId, cause, at, postings }) =>
    postings.map((posting) => ({ ...withScaledAmount(posting), entryId, cause, at })),
  );
  return { ...toPayout(record), timeline: [...timeline], postings };
}

function toDeposit(record: PayoutDepositRecord): z.output<typeof deposit> {
  const { amount, received, currency } = record;
  const missing = subtractAmounts(amount, received);
  return {
    ...withScaledAmount(record),
    ...scaledAmounts(currency, { received, missing: compareAmounts(missing, '0') < 0 ? '0' : missing }),
  };
}

function toOrder(
  record: OrderRecord,
  { currency, fundingCurrency }: Pick<PayoutRecord, 'currency' | 'fundingCurrency'>,
): z.output<typeof order> {
  return {
    ...record,
    amount: atCurrencyScale(record.amount, fundingCurrency),
    quoteAmount: atCurrencyScale(record.quoteAmount, currency),
    fee: atCurrencyScale(record.fee, currency),
  };
}

function toHold(reason: FailureType | null): z.output<typeof hold> | null {
  if (reason === null) return null;
  const { meaning, action, actions } = FAILURES[reason];
  return { reason, meaning, action, actions: [...actions] };
}
