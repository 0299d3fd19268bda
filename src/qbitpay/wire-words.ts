import { PROVIDER_ID_PATTERN } from '../domain/identifiers.js';
import {
  BALANCE_TRANSACTION_STATUS,
  BALANCE_TRANSACTION_TYPE,
  PROVIDER_ORDER_STATUS,
  PROVIDER_PAYOUT_STATUS,
  type BalanceTransactionStatus,
  type BalanceTransactionType,
  type ProviderOrderStatus,
  type ProviderPayoutStatus,
} from '../domain/provider-status.js';

/** QbitPay's words (contract, sections Payouts, Orders, Balance transactions) and ours: nobody else knows QbitPay's. */

function words<Ours extends string, Unknown extends Ours>(
  wireWords: Readonly<Record<Exclude<Ours, Unknown>, string>>,
  unknown: Unknown,
) {
  const ours = new Map(Object.entries<string>(wireWords).map(([word, wire]) => [wire, word as Ours]));
  return {
    fromWire: (wire: string): Ours => ours.get(wire) ?? unknown,
    toWire: (word: Exclude<Ours, Unknown>): string => wireWords[word],
  };
}

export const PAYOUT_STATUS_WORDS = words<ProviderPayoutStatus, 'unknown'>(
  {
    [PROVIDER_PAYOUT_STATUS.PENDING]: 'pending',
    [PROVIDER_PAYOUT_STATUS.IN_TRANSIT]: 'inTransit',
    [PROVIDER_PAYOUT_STATUS.PAID]: 'paid',
    [PROVIDER_PAYOUT_STATUS.CANCELLED]: 'cancelled',
    [PROVIDER_PAYOUT_STATUS.FAILED]: 'failed',
  },
  PROVIDER_PAYOUT_STATUS.UNKNOWN,
);

/** [I] Orders have no reference page. */
export const ORDER_STATUS_WORDS = words<ProviderOrderStatus, 'unknown'>(
  {
    [PROVIDER_ORDER_STATUS.PENDING]: 'pending',
    [PROVIDER_ORDER_STATUS.FILLED]: 'filled',
    [PROVIDER_ORDER_STATUS.CANCELLED]: 'cancelled',
    [PROVIDER_ORDER_STATUS.FAILED]: 'failed',
  },
  PROVIDER_ORDER_STATUS.UNKNOWN,
);

/** `deposit` and `order` are expected, not documented [I]. */
export const TRANSACTION_TYPE_WORDS = words<BalanceTransactionType, 'other'>(
  {
    [BALANCE_TRANSACTION_TYPE.PAYOUT]: 'payout',
    [BALANCE_TRANSACTION_TYPE.PAYOUT_CANCEL]: 'payout_cancel',
    [BALANCE_TRANSACTION_TYPE.PAYOUT_FAILURE]: 'payout_failure',
    [BALANCE_TRANSACTION_TYPE.DEPOSIT]: 'deposit',
    [BALANCE_TRANSACTION_TYPE.ORDER]: 'order',
  },
  BALANCE_TRANSACTION_TYPE.OTHER,
);

export const TRANSACTION_STATUS_WORDS = words<BalanceTransactionStatus, 'unknown'>(
  { [BALANCE_TRANSACTION_STATUS.PENDING]: 'pending', [BALANCE_TRANSACTION_STATUS.AVAILABLE]: 'available' },
  BALANCE_TRANSACTION_STATUS.UNKNOWN,
);

/** A word of theirs as people may see it: one word, and nothing that could be a name or an account number. */
export function printableWord(word: string): string {
  return /^[A-Za-z][A-Za-z0-9_.-]{0,39}$/.test(word) ? word.replaceAll(/\d{3,}/g, '***') : '?';
}

/** An id of theirs as people may see it. */
export function printableId(id: string): string {
  return PROVIDER_ID_PATTERN.test(id) ? id : 'what is no id';
}
