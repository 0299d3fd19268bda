import { findDestinationProblems, type Destination } from './destination.js';
import {
  isRecord,
  isText,
  problemIf,
  TEXT_RULE,
  unknownFields,
  type FieldProblem,
} from './field-problems.js';
import { PAYOUT_ID_PATTERN, PAYOUT_ID_RULE } from './identifiers.js';
import { amountRule, CURRENCY_PATTERN, isPayableAmount } from './money.js';
import type { PayoutPolicy } from './policy.js';

/** Which side of the payout `amount` fixes. */
export const AMOUNT_MODE = {
  /** The recipient gets exactly `amount`, in the payout currency. */
  RECEIVE: 'receive',
  /** Exactly `amount`, in the funding currency, is spent. */
  SEND: 'send',
} as const;
export type AmountMode = (typeof AMOUNT_MODE)[keyof typeof AMOUNT_MODE];

/** Where the money of a payout comes from. */
export const FUNDING = {
  /** A deposit made for it. */
  DEPOSIT: 'deposit',
  /** What is owed to its owner, then the available balance, in the payout currency where that suffices, else in the funding currency by an order. */
  BALANCE: 'balance',
} as const;
export type Funding = (typeof FUNDING)[keyof typeof FUNDING];

/** A payout as its caller asks for it. */
export interface PayoutRequest {
  readonly payoutId: string;
  /** Decimal string, in the currency that `amountMode` says. */
  readonly amount: string;
  /** The currency the recipient gets. */
  readonly currency: string;
  readonly amountMode: AmountMode;
  /** The currency of the deposit, or of what is sold of the balance. */
  readonly fundingCurrency: string;
  /** @default deposit */
  readonly funding?: Funding | undefined;
  readonly destination: Destination;
  readonly description?: string | undefined;
}

/** What somebody asks for, and by which waits it is carried out: fixed from the first moment on. */
export interface PayoutOrigin {
  readonly request: PayoutRequest;
  /** Name of the API key that asked, or `unknown`. */
  readonly maker: string;
  /** Whose payout it is: a stable id, which outlives keys and their names. */
  readonly owner: string;
  readonly policy: PayoutPolicy;
}

/** What to deposit where. */
export const DEPOSIT_MATCH = {
  /** By its exact amount, which no other payout expects; or by its transaction, where that is declared. */
  AMOUNT: 'amount',
  /** The amount is too small to tell payouts apart: only by its transaction, which has to be declared. */
  TRANSACTION: 'transaction',
} as const;
export type DepositMatch = (typeof DEPOSIT_MATCH)[keyof typeof DEPOSIT_MATCH];

export interface DepositInstructions {
  readonly currency: string;
  readonly network: string;
  readonly address: string;
  readonly amount: string;
  readonly matchedBy: DepositMatch;
  /** Milliseconds of Unix time. */
  readonly expiresAtMs: number;
}

type Rule = readonly [isKept: (value: unknown) => boolean, message: string];

const matching = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value);
const oneOf = (words: object) => (value: unknown) => Object.values(words).includes(value);
const optional = (isKept: Rule[0]) => (value: unknown) => value === undefined || isKept(value);

const CURRENCY: Rule = [
  matching(CURRENCY_PATTERN),
  'must be an upper-case currency code, such as "CNY" or "USDT"',
];

/** Of each field by itself; {@link findDestinationProblems} has those of the destination. */
const RULES: Readonly<Record<Exclude<keyof PayoutRequest, 'destination'>, Rule>> = {
  payoutId: [matching(PAYOUT_ID_PATTERN), PAYOUT_ID_RULE],
  currency: CURRENCY,
  fundingCurrency: CURRENCY,
  amountMode: [oneOf(AMOUNT_MODE), 'must be "receive" or "send"'],
  funding: [optional(oneOf(FUNDING)), 'must be "deposit" or "balance"'],
  amount: [(value) => typeof value === 'string', 'must be a decimal string, such as "5000.00"'],
  description: [optional(isText), TEXT_RULE],
};

/**
 * Every static rule of a payout request, for callers that come by HTTP and for those that start the workflow
 * themselves. Empty when the request is good; messages never repeat the value.
 */
export function findPayoutRequestProblems(candidate: unknown): FieldProblem[] {
  if (!isRecord(candidate)) return [{ field: '', message: 'must be an object' }];
  return [
    ...unknownFields(candidate, [...Object.keys(RULES), 'destination'], ''),
    ...Object.entries(RULES).flatMap(([field, [isKept, message]]) =>
      problemIf(!isKept(candidate[field]), field, message),
    ),
    ...amountProblem(candidate),
    ...findDestinationProblems(candidate['destination']),
  ];
}

function amountProblem({ amount, ...candidate }: Record<string, unknown>): FieldProblem[] {
  const currency = candidate[candidate['amountMode'] === AMOUNT_MODE.SEND ? 'fundingCurrency' : 'currency'];
  if (typeof amount !== 'string' || typeof currency !== 'string') return [];
  return problemIf(!isPayableAmount(amount, currency), 'amount', amountRule(currency));
}

/** Where the request wants its money from. */
export function fundingOf(request: Pick<PayoutRequest, 'funding'>): Funding {
  return request.funding ?? FUNDING.DEPOSIT;
}
