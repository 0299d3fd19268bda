import type { ReturnReading, SettlementOutcome } from '../src/book/settlements.js';
import { MILESTONE } from '../src/domain/milestone.js';
import { compareAmounts } from '../src/domain/money.js';
import { BALANCE_TRANSACTION_STATUS, BALANCE_TRANSACTION_TYPE } from '../src/qbitpay/schemas.js';
import type { ActivityDependencies } from './dependencies.js';
import { notYet } from './not-yet.js';
import type { SettlementInput } from './settlement-reading.js';
import { watched } from './watched.js';

export interface AwaitReturnInput extends SettlementInput {
  readonly pollIntervalMs: number;
}

/** Reads until the provider shows the money of a failed or cancelled payout again: only then it is free. */
export function createAwaitReturn(deps: ActivityDependencies) {
  return async function awaitReturn(input: AwaitReturnInput): Promise<SettlementOutcome> {
    const outcome = await watched(deps.book, input.payoutId, () => readReturn(deps, input));
    if (outcome === undefined) throw notYet('the money has not come back', input.pollIntervalMs);
    await deps.reached(MILESTONE.RETURN_RECORDED);
    return outcome;
  };
}

/** Books the return if the provider shows it; undefined when it does not. */
export async function readReturn(
  { book, qbitpay }: Pick<ActivityDependencies, 'book' | 'qbitpay'>,
  { payoutId, providerPayoutId }: SettlementInput,
): Promise<SettlementOutcome | undefined> {
  const returned = await findReturn(qbitpay, providerPayoutId);
  return returned === undefined ? undefined : book.attempts.recordReturn(payoutId, returned);
}

/** The money of a payout that is back (contract, section Balance transactions); undefined when it is not shown. */
export async function findReturn(
  qbitpay: ActivityDependencies['qbitpay'],
  providerPayoutId: string,
): Promise<ReturnReading | undefined> {
  for (const type of [BALANCE_TRANSACTION_TYPE.PAYOUT_FAILURE, BALANCE_TRANSACTION_TYPE.PAYOUT_CANCEL]) {
    const page = await qbitpay.listBalanceTransactions({ source: providerPayoutId, type });
    const transaction = page.data.find(
      ({ source, status, amount, net = amount }) =>
        source === providerPayoutId &&
        status === BALANCE_TRANSACTION_STATUS.AVAILABLE &&
        compareAmounts(net, '0') > 0,
    );
    if (transaction === undefined) continue;
    const { id: balanceTransactionId, amount, net = amount } = transaction;
    return { providerPayoutId, balanceTransactionId, net };
  }
  return undefined;
}
