/**
 * What the Temporal UI can be searched by. Never personal data: amounts and currencies, statuses and
 * provider ids only. A Temporal server on SQL visibility has room for ten Keyword attributes in all.
 */
export const SEARCH_ATTRIBUTES = {
  PayoutStatus: 'Keyword',
  PayoutCurrency: 'Keyword',
  FundingCurrency: 'Keyword',
  /** A number for searching and sorting only; the exact amount is in the store. */
  PayoutAmount: 'Double',
  PayoutHoldReason: 'Keyword',
  ProviderPayoutId: 'Keyword',
} as const;
export type SearchAttributeName = keyof typeof SEARCH_ATTRIBUTES;
