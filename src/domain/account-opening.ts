/**
 * Transactions that QbitPay dates this much earlier than the opening of the account are part of the opening balance, even
 * where no reading had shown them by then: its clock and ours are never a day apart. In milliseconds.
 */
export const OPENING_MARGIN_MS = 86_400_000;
