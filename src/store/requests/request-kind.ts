import { sql } from 'kysely';
import { orderExternalId, payoutExternalId } from '../../domain/identifiers.js';
import { FINAL_STATUSES, PAYOUT_STATUS } from '../../domain/payout-status.js';
import type { StoreTransaction } from '../database.js';
import type { Outcome } from '../outcome.js';
import { REQUEST_OPERATION, type PayoutRow, type RequestOperation } from '../schema.js';

/**
 * One row of `provider_requests` stands before every request that moves money: one per operation and
 * `externalOrderId`.
 */
export interface ProviderRequestId {
  readonly operation: RequestOperation;
  readonly externalOrderId: string;
}

/** Where an operation is written, and which statuses of the payout go with it. Everything else is the same machine. */
export const REQUEST_KIND = {
  [REQUEST_OPERATION.ORDER]: {
    table: 'provider_orders',
    providerId: 'provider_order_id',
    attempt: 'order_attempt',
    toExternalId: orderExternalId,
    sentIn: PAYOUT_STATUS.CONVERTING,
    acceptedIn: PAYOUT_STATUS.CONVERTING,
  },
  [REQUEST_OPERATION.PAYOUT]: {
    table: 'provider_payouts',
    providerId: 'provider_payout_id',
    attempt: 'payout_attempt',
    toExternalId: payoutExternalId,
    sentIn: PAYOUT_STATUS.PAYING,
    acceptedIn: PAYOUT_STATUS.IN_TRANSIT,
  },
} as const;

/** How far an object of QbitPay's is, and whether the ledger has all that it moved. */
export const OBJECT_END = {
  /** It may still be carried out, or what it moved is not booked. */
  OPEN: 'open',
  CARRIED_OUT: 'carriedOut',
  /** QbitPay gave it up, and the money that it took is not back. */
  RETURN_PENDING: 'returnPending',
  /** QbitPay gave it up, and the rest of its money is there: another attempt cannot pay twice. */
  GIVEN_UP: 'givenUp',
} as const;
export type ObjectEnd = (typeof OBJECT_END)[keyof typeof OBJECT_END];

/** An order or a payout that QbitPay has, as the machine takes it over. Its bookings are what is particular to it. */
export interface ProviderObject extends ProviderRequestId {
  readonly providerId: string;
  /** QbitPay gave it up and took nothing for it. */
  readonly isVoid: boolean;
  /**
   * Writes it, in the place of what stands under the same `externalOrderId`, and books what is known of it. Refused is
   * the booking, where the ledger does not know of as much money.
   */
  readonly record: (trx: StoreTransaction, row: PayoutRow) => Promise<Outcome>;
  /** All that the first object moved is booked: nobody has to say whether this second one is the right one. */
  readonly isDecided: (trx: StoreTransaction) => Promise<boolean>;
}

/**
 * Of a `request` and its row of `payouts`: QbitPay may have carried it out, and nobody knows. Whoever ended the payout said
 * that it was not, though the request stays as it was: it explains nothing any more.
 */
export const IS_UNANSWERED = sql<boolean>`(request.state in ('sending', 'unknown')
  and payouts.status <> all(${[...FINAL_STATUSES]}::text[]))`;

type AttemptNumbers = Pick<PayoutRow, 'payout_id' | 'order_attempt' | 'payout_attempt'>;

/** The request of this kind that a payout is at; those of earlier attempts are over. */
export function currentRequest(row: AttemptNumbers, operation: RequestOperation): ProviderRequestId {
  const { toExternalId, attempt } = REQUEST_KIND[operation];
  return { operation, externalOrderId: toExternalId(row.payout_id, row[attempt]) };
}

export function isCurrentRequest(
  row: AttemptNumbers,
  { operation, externalOrderId }: ProviderRequestId,
): boolean {
  return currentRequest(row, operation).externalOrderId === externalOrderId;
}

/** The number of another attempt: also of those after the current one there may be a request, once an earlier one was adopted. */
export async function nextAttempt(
  trx: StoreTransaction,
  row: AttemptNumbers,
  operation: RequestOperation,
): Promise<number> {
  const { made } = await trx
    .selectFrom('provider_requests')
    .select(({ fn }) => fn.countAll<string>().as('made'))
    .where('payout_id', '=', row.payout_id)
    .where('operation', '=', operation)
    .executeTakeFirstOrThrow();
  return Math.max(row[REQUEST_KIND[operation].attempt], Number(made)) + 1;
}
