import { z } from 'zod';
import { DEPOSIT_STATUS } from '../store/ledger/ledger-records.js';
import { AMOUNT_PATTERN, compareAmounts, currencyScale, isPayableAmount } from '../domain/money.js';
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

/** Wider than what the engine makes: the provider's ids are part of it, and every deposit must be readable. */
const DEPOSIT_ID_PATTERN = /^[!-~]{1,200}$/;
const MAX_ASSIGNED_PARTS = 100;

export const depositId = z
  .string()
  .regex(DEPOSIT_ID_PATTERN, 'must be 1 to 200 printable ASCII characters without spaces')
  .meta({
    description: 'The provider\'s id of the deposit, else "tx:" and the hash of its transaction.',
    examples: ['dep_8c1f'],
  });
export const depositParams = z.strictObject({ depositId });

const status = z.enum(DEPOSIT_STATUS).meta({
  description:
    "verified: there, and not decided about yet. allocated: given to payouts or to the available balance. unallocated: nobody's, waits for a person.",
});

export const depositListQuery = z
  .strictObject({ ...pageFields(depositId, 'deposits'), status: status.optional() })
  .refine(hasOneCursor, TWO_CURSORS);

const statedAmount = z.string('must be a decimal string, such as "732.150013"').regex(AMOUNT_PATTERN, {
  error: 'must be a positive decimal string without exponent',
  abort: true,
});

/** What an amount that is no payable one of `currency` is answered with. */
export function amountRule(currency: string): string {
  return `must be a positive decimal string without exponent, with at most 18 digits before and ${currencyScale(currency)} after the point`;
}

export const recordDepositBody = z
  .strictObject({
    txHash: txHash.meta({ description: 'The transaction that brought it.' }),
    currency,
    amount: statedAmount.meta({ description: 'What arrived.', examples: ['732.150013'] }),
  })
  .superRefine(({ amount, currency }, context) => {
    if (isPayableAmount(amount, currency)) return;
    context.addIssue({ code: 'custom', path: ['amount'], message: amountRule(currency) });
  })
  .register(namedSchemas, { id: 'RecordDeposit' });

const assignedParts = z
  .array(
    z.strictObject({
      payoutId,
      amount: statedAmount.refine((amount) => compareAmounts(amount, '0') > 0, 'must be above zero'),
    }),
    'must be "available" or a list of { payoutId, amount }',
  )
  .min(1, 'must name at least one payout')
  .max(MAX_ASSIGNED_PARTS, `must name at most ${MAX_ASSIGNED_PARTS} payouts`)
  .superRefine((parts, context) => {
    const named = new Set<string>();
    for (const [index, { payoutId }] of parts.entries()) {
      if (named.has(payoutId)) {
        context.addIssue({ code: 'custom', path: [index, 'payoutId'], message: 'is named twice' });
      }
      named.add(payoutId);
    }
  });

// A union says of a list that is wrong neither where nor why.
const assignment = z.preprocess(
  (to, context) => {
    if (to === 'available') return to;
    const issues = assignedParts.safeParse(to).error?.issues ?? [];
    context.issues.push(...issues.map((issue) => ({ ...issue, input: to }) as z.core.$ZodRawIssue));
    return to;
  },
  z.union([z.literal('available'), assignedParts]),
);

export const assignDepositBody = z
  .strictObject({
    to: assignment.meta({
      description:
        '"available": all of it to the available balance. Else parts that add up to the deposit exactly.',
    }),
  })
  .register(namedSchemas, { id: 'AssignDeposit' });

const depositAllocation = z
  .object({
    payoutId: z.string().nullable().meta({ description: 'Null: to the available balance.' }),
    amount: decimal,
    matchedBy: z.enum(['declaredTransaction', 'exactAmount', 'person']),
  })
  .register(namedSchemas, { id: 'DepositAllocation' });

export const receivedDeposit = z
  .object({
    depositId: z.string(),
    providerDepositId: z.string().nullable(),
    txHash: z.string().nullable(),
    currency: z.string(),
    amount: decimal,
    address: z.string().nullable(),
    status,
    unallocatedReason: failureType
      .nullable()
      .meta({ description: 'Why it was unallocated; stays when a person has assigned it.' }),
    allocations: z.array(depositAllocation),
    verifiedAt: time,
    decidedAt: time.nullable(),
  })
  .register(namedSchemas, { id: 'ReceivedDeposit' });

export const unverifiedDeposit = z
  .object({
    depositId: z.string(),
    status: z.literal('unverified'),
    txHash: z.string(),
    currency: z.string(),
    amount: decimal,
  })
  .register(namedSchemas, { id: 'UnverifiedDeposit' });

export const depositList = listOf(receivedDeposit).register(namedSchemas, { id: 'ReceivedDepositList' });
