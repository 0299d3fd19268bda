import type { Book } from '../src/book/book.js';
import type { FeeSide } from '../src/domain/quote.js';
import type { QbitPayClient } from '../src/qbitpay/client.js';

/** What activities work with; put together in src/bin only. */
export interface ActivityDependencies {
  readonly book: Book;
  readonly qbitpay: QbitPayClient;
  readonly settings: ActivitySettings;
  /** Hands a stored webhook event to the workflow it is for; src/webhooks knows how. */
  readonly dispatchWebhook: (webhookEventId: string) => Promise<void>;
}

export interface ActivitySettings {
  readonly feeSide: FeeSide;
  /** Network of the account's address, by currency. */
  readonly networks: Readonly<Record<string, string>>;
  readonly depositProof: 'balance_transaction' | 'available';
}
