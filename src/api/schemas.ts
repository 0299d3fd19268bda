import { z } from 'zod';
import {
  DESTINATION_FIELDS,
  DESTINATION_TYPES,
  findDestinationProblems,
  REQUIRED_DESTINATION_FIELDS,
  type DestinationType,
} from '../domain/destination.js';
import { MAX_TEXT_LENGTH, PRINTABLE } from '../domain/field-problems.js';
import { PROVIDER_ID_PATTERN } from '../domain/identifiers.js';
import { ACCOUNT_KIND, ENTRY_CAUSE } from '../domain/ledger.js';
import { AMOUNT_PATTERN } from '../domain/money.js';
import {
  AMOUNT_MODE,
  findPayoutRequestProblems,
  FUNDING,
  type PayoutRequest,
} from '../domain/payout-request.js';
import { OPERATOR_ACTION } from '../domain/operator-action.js';
import { PAYOUT_STATUSES } from '../domain/payout-status.js';
import { PROVIDER_ORDER_STATUS } from '../domain/provider-status.js';
import {
  currency,
  decimal,
  failureType,
  hasOneCursor,
  listOf,
  namedSchemas,
  pageFields,
  payoutId,
  time,
  TWO_CURSORS,
  txHash,
} from './schema-parts.js';

const amountMode = z.enum(AMOUNT_MODE).meta({
  description:
    'receive: the recipient gets exactly amount, in currency. send: exactly amount, in fundingCurrency, is spent.',
});
const funding = z.enum(FUNDING).meta({
  description: 'deposit: a deposit is made for the payout. balance: it is paid from the available balance.',
});
const text = z.string().min(1).max(MAX_TEXT_LENGTH);

function destinationOf(type: DestinationType) {
  const required: readonly string[] = REQUIRED_DESTINATION_FIELDS[type];
  const fields = DESTINATION_FIELDS.map((name) => [name, required.includes(name) ? text : text.optional()]);
  return z.strictObject({ type: z.literal(type), ...(Object.fromEntries(fields) as object) });
}
type DestinationSchema = ReturnType<typeof destinationOf>;
const destination = z
  .discriminatedUnion(
    'type',
    DESTINATION_TYPES.map(destinationOf) as [DestinationSchema, ...DestinationSchema[]],
  )
  .meta({ description: 'Where the money goes. Personal data: no answer ever contains it.' });

const documentedCreatePayout = z
  .strictObject({
    payoutId,
    amount: z
      .string()
      .regex(AMOUNT_PATTERN)
      .meta({
        description: 'Decimal string, no more decimal places than the currency has.',
        examples: ['5000.00'],
      }),
    currency: currency.meta({ description: 'What the recipient gets.', examples: ['CNY'] }),
    amountMode,
    fundingCurrency: currency.meta({
      description: 'What is deposited, or sold of the available balance.',
      examples: ['USDT'],
    }),
    funding: funding.optional().meta({ description: 'Where the money comes from; deposit when left out.' }),
    destination,
    description: text.optional(),
  })
  .register(namedSchemas, { id: 'CreatePayout' });

/**
 * The body of a create request. What is accepted is decided by the domain, which knows more rules than a schema
 * can say and tells all problems at once; the schema behind it is what OpenAPI shows. A test keeps it from
 * refusing what the domain accepts.
 */
export const createPayoutBody = z.preprocess((body, context) => {
  for (const { field, message } of findPayoutRequestProblems(body)) {
    context.addIssue({ code: 'custom', path: field === '' ? [] : field.split('.'), message });
  }
  return body;
}, documentedCreatePayout) satisfies z.ZodType<PayoutRequest>;

export const declareDepositBody = z
  .strictObject({
    txHash: txHash.meta({ description: 'The transaction that brings the deposit.' }),
  })
  .register(namedSchemas, { id: 'DeclareDeposit' });

const reason = z
  .string('must be a string')
  .trim()
  .min(1, 'must say why')
  .max(MAX_TEXT_LENGTH)
  .regex(PRINTABLE, 'must have no control characters')
  .meta({ description: 'Why; written in the timeline beside the name of the key.' });

export const decisionBody = z.strictObject({ reason }).register(namedSchemas, { id: 'Decision' });

/** Cancelling needs no body: whoever asks for a payout may take it back. */
export const cancellationBody = z
  .strictObject({ reason: reason.optional() })
  .nullish()
  .register(namedSchemas, { id: 'Cancellation' });

export const resolveBody = z
  .strictObject({
    action: z.enum(['adopt', 'resend', 'close']).meta({
      description:
        "adopt: QbitPay has it as providerPayoutId (of an order that is looked for: the order's id). resend: it never arrived, send it again. close: it never arrived, end the payout.",
    }),
    providerPayoutId: z
      .string()
      .regex(PROVIDER_ID_PATTERN, 'must be an id as QbitPay shows it, and not "." or ".."')
      .optional(),
    reason,
  })
  .refine((body) => (body.action === 'adopt') === (body.providerPayoutId !== undefined), {
    path: ['providerPayoutId'],
    message: 'is needed to adopt, and only then',
  })
  .register(namedSchemas, { id: 'Resolution' });

export const retryBody = z
  .strictObject({ destination: destination.optional(), reason })
  .superRefine((body, context) => {
    if (body.destination === undefined) return;
    for (const { field, message } of findDestinationProblems(body.destination)) {
      context.addIssue({ code: 'custom', path: field.split('.'), message });
    }
  })
  .register(namedSchemas, { id: 'Retry' });

export const operationHeaders = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A–Z a–z 0–9 . _ -')
    .optional()
    .meta({ description: 'A name of your own for this decision: repeated under it, it changes nothing.' }),
});

export const payoutParams = z.strictObject({ payoutId });

export const listQuery = z
  .strictObject({ ...pageFields(payoutId, 'payouts'), status: z.enum(PAYOUT_STATUSES).optional() })
  .refine(hasOneCursor, TWO_CURSORS);

const status = z.enum(PAYOUT_STATUSES);

const deposit = z
  .object({
    currency: z.string(),
    network: z.string().meta({ description: 'Money sent over another network is lost.' }),
    address: z.string(),
    amount: decimal.meta({ description: 'Send exactly this: the amount says whose deposit it is.' }),
    received: decimal,
    missing: decimal.meta({ description: 'What has still to come.' }),
    expiresAt: time,
  })
  .register(namedSchemas, { id: 'Deposit' });

const order = z
  .object({
    providerOrderId: z.string(),
    symbol: z.string(),
    amount: decimal.meta({ description: 'Sold, in the funding currency.' }),
    price: decimal,
    quoteAmount: decimal.meta({ description: 'Brought in, before the fee.' }),
    fee: decimal,
    status: z.enum(Object.values(PROVIDER_ORDER_STATUS)),
  })
  .register(namedSchemas, { id: 'Order' });

const hold = z
  .object({
    reason: failureType,
    meaning: z.string().meta({ description: 'What happened.' }),
    action: z.string().meta({ description: 'What to do about it.' }),
    actions: z
      .array(z.enum(Object.values(OPERATOR_ACTION)))
      .meta({ description: 'The calls that are possible now; empty while it goes on by itself.' }),
  })
  .register(namedSchemas, { id: 'Hold' });

const failure = z
  .object({ type: failureType, message: z.string() })
  .register(namedSchemas, { id: 'Failure' });

const timelineEntry = z
  .object({ status, at: time, detail: z.string() })
  .register(namedSchemas, { id: 'TimelineEntry' });

const payoutPosting = z
  .object({
    entryId: z.string(),
    cause: z.enum(ENTRY_CAUSE),
    at: time,
    account: z.enum(ACCOUNT_KIND),
    currency: z.string(),
    amount: decimal.meta({ description: 'Positive: a debit. Negative: a credit.' }),
  })
  .register(namedSchemas, { id: 'PayoutPosting' });

const basics = {
  payoutId,
  status,
  amount: decimal,
  currency: z.string(),
  amountMode,
  fundingCurrency: z.string(),
  funding,
  description: z.string().optional(),
};
const progress = {
  updatedAt: time,
  providerPayoutId: z.string().nullable(),
  order: order.nullable(),
  fee: decimal.nullable().meta({ description: "The provider's fee, in the payout currency." }),
  recipientAmount: decimal
    .nullable()
    .meta({ description: "What the recipient gets, by the provider's answer." }),
  holdReason: failureType.nullable(),
  hold: hold.nullable().meta({ description: 'What the payout waits for, and what to do about it.' }),
  failure: failure.nullable().meta({ description: 'Why the payout ended without paying.' }),
  flags: z
    .array(failureType)
    .meta({ description: 'What is worth a look, and keeps the payout from nothing.' }),
};
const history = {
  timeline: z.array(timelineEntry).meta({ description: 'Oldest first.' }),
  postings: z.array(payoutPosting).meta({ description: 'What the ledger booked for it, oldest first.' }),
};

/** The answer to a create request. */
export const openedPayout = z
  .object({
    ...basics,
    deposit: deposit.nullable().meta({ description: 'What to deposit, and where.' }),
    createdAt: time,
  })
  .register(namedSchemas, { id: 'OpenedPayout' });

/** The answer to a create request whose payout is not open yet. */
export const startedPayout = z
  .object({ ...basics, status: z.literal('opening'), deposit: z.null() })
  .register(namedSchemas, { id: 'StartedPayout' });

export const payout = z
  .object({
    ...basics,
    destinationType: z.enum(DESTINATION_TYPES),
    deposit: deposit.nullable(),
    createdAt: time,
    ...progress,
  })
  .register(namedSchemas, { id: 'Payout' });

export const payoutWithTimeline = payout.extend(history).register(namedSchemas, { id: 'PayoutWithTimeline' });

/** A payout that is not in the store: what is known of it comes from its workflow. */
export const unbookedPayout = z
  .object({
    ...basics,
    status: z.enum(['opening', 'cancelled']),
    amount: decimal.nullable(),
    currency: z.string().nullable(),
    amountMode: amountMode.nullable(),
    fundingCurrency: z.string().nullable(),
    funding: funding.nullable(),
    destinationType: z.null(),
    deposit: z.null(),
    createdAt: time.nullable(),
    ...progress,
    updatedAt: time.nullable(),
    ...history,
  })
  .register(namedSchemas, { id: 'UnbookedPayout' });

export const payoutList = listOf(payout).register(namedSchemas, { id: 'PayoutList' });

export const health = z
  .object({ status: z.enum(['alive', 'ready']), version: z.string() })
  .register(namedSchemas, { id: 'Health' });

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z
      .string()
      .meta({ description: 'For programs: the kind of problem, or the failure type of a payout.' }),
    requestId: z.string(),
    errors: z
      .array(z.object({ field: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'Every field that is wrong.' }),
  })
  .register(namedSchemas, { id: 'Problem' });
