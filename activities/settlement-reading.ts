import type { SettlementOutcome, SettlementReading } from '../src/book/settlements.js';
import { FAILURE_TYPE, FAILURES } from '../src/domain/failure-type.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../src/domain/payout-status.js';
import { QbitPayInvalidRequestError } from '../src/qbitpay/errors.js';
import { PAYOUT_STATUS as PROVIDER_STATUS, type Payout } from '../src/qbitpay/schemas.js';
import type { ActivityDependencies } from './dependencies.js';
import { watched } from './watched.js';

export interface SettlementInput {
  readonly payoutId: string;
  readonly providerPayoutId: string;
}

/** What the book says after the reading. */
export interface Settlement extends SettlementOutcome {
  readonly settled: boolean;
}

/** The provider's end states and what they are here; every other word means "not settled yet". */
const OUTCOMES: Readonly<Record<string, NonNullable<SettlementReading['outcome']>>> = {
  [PROVIDER_STATUS.PAID]: { status: PAYOUT_STATUS.PAID, detail: 'settled' },
  [PROVIDER_STATUS.FAILED]: failedAs(PAYOUT_STATUS.FAILED, FAILURE_TYPE.PAYOUT_FAILED),
  [PROVIDER_STATUS.CANCELLED]: failedAs(PAYOUT_STATUS.CANCELLED, FAILURE_TYPE.CANCELLED_BY_PROVIDER),
};

/**
 * `GET /payouts/ID`: the only thing that ends an accepted payout. Webhook events that came in before the
 * reading are dealt with by it.
 */
export async function readSettlement(
  { book, qbitpay }: ActivityDependencies,
  { payoutId, providerPayoutId }: SettlementInput,
): Promise<Settlement> {
  return watched(book, payoutId, async () => {
    const events = await book.webhooks.pendingOf({ payoutId });
    const payout = await readVisible(() => qbitpay.getPayout(providerPayoutId));
    // Nothing was read: the events stay to be dealt with.
    if (payout === undefined) {
      return { status: PAYOUT_STATUS.IN_TRANSIT, settled: false, isReturning: false, wake: [] };
    }
    const outcome = await book.attempts.recordSettlement(payoutId, {
      providerPayoutId,
      recipientAmount: payout.amount,
      fee: payout.fee,
      providerStatus: payout.status,
      outcome: OUTCOMES[payout.status] ?? null,
    });
    await book.webhooks.markHandled(events);
    return { ...outcome, settled: isFinalStatus(outcome.status) };
  });
}

function failedAs(
  status: PayoutStatus,
  type: 'PAYOUT_FAILED' | 'CANCELLED_BY_PROVIDER',
): NonNullable<SettlementReading['outcome']> {
  const { meaning } = FAILURES[type];
  return { status, detail: meaning, failure: { type, message: meaning } };
}

/** A 404 right after the payout was created means "not visible yet"; a read never ends a payout by itself. */
async function readVisible(read: () => Promise<Payout>): Promise<Payout | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof QbitPayInvalidRequestError && error.status === 404) return undefined;
    throw error;
  }
}
