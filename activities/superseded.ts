import type { Book } from '../src/book/book.js';
import type { FailureType } from '../src/domain/failure-type.js';
import type { PayoutStatus } from '../src/domain/payout-status.js';

/** The book is elsewhere than the step: the workflow adopts its status. */
export interface Superseded {
  readonly kind: 'superseded';
  readonly status: PayoutStatus;
  readonly holdReason: FailureType | null;
}

export async function superseded(book: Book, payoutId: string): Promise<Superseded> {
  const { status, holdReason } = await book.payouts.get(payoutId);
  return { kind: 'superseded', status, holdReason };
}

/** Puts a payout aside for a person; the answer is what the book then says. */
export async function hold(
  book: Book,
  payoutId: string,
  reason: FailureType,
  detail: string,
): Promise<Superseded> {
  await book.payouts.hold(payoutId, reason, detail);
  return superseded(book, payoutId);
}
