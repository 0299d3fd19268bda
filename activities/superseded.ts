import type { Book } from '../src/book/book.js';
import type { Hold } from '../src/book/holds.js';
import { payoutExternalId } from '../src/domain/identifiers.js';
import type { FailureType } from '../src/domain/failure-type.js';
import type { PayoutStatus } from '../src/domain/payout-status.js';

/** The book is elsewhere than the step: the workflow adopts its status. */
export interface Superseded {
  readonly kind: 'superseded';
  readonly status: PayoutStatus;
  readonly holdReason: FailureType | null;
  /** The provider payout that is being settled; null when there is none. */
  readonly providerPayoutId: string | null;
}

export async function superseded(book: Book, payoutId: string): Promise<Superseded> {
  const { status, holdReason, providerPayout, payoutAttempt } = await book.payouts.get(payoutId);
  // An earlier attempt is over: nothing more is to be expected of it.
  const isCurrent = providerPayout?.externalOrderId === payoutExternalId(payoutId, payoutAttempt);
  const providerPayoutId = isCurrent ? providerPayout.providerPayoutId : null;
  return { kind: 'superseded', status, holdReason, providerPayoutId };
}

/** Puts a payout aside for a person; the answer is what the book then says. */
export async function hold(book: Book, payoutId: string, decided: Hold): Promise<Superseded> {
  await book.payouts.hold(payoutId, decided);
  return superseded(book, payoutId);
}
