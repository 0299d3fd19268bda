import type { ReturnReading } from '../../src/store/requests/settlements.js';
import { compareAmounts } from '../../src/domain/money.js';
import { BALANCE_TRANSACTION_STATUS, BALANCE_TRANSACTION_TYPE } from '../../src/domain/provider-status.js';
import type { ActivityDependencies } from '../dependencies.js';
import { readState, type PayoutState } from '../payout-state.js';
import { RetryLaterError } from '../retry-later.js';

export interface AwaitReturnInput {
  readonly payoutId: string;
  readonly providerPayoutId: string;
  readonly pollIntervalMs: number;
}

/** Reads until the provider shows the money of a failed or cancelled payout again: only then it is available. */
export function createAwaitReturn(deps: ActivityDependencies) {
  return async function awaitReturn(input: AwaitReturnInput): Promise<PayoutState> {
    const wake = await readReturn(deps, input);
    if (wake === undefined) {
      throw new RetryLaterError('the money has not come back', { afterMs: input.pollIntervalMs });
    }
    return readState(deps.store, input.payoutId, { wake });
  };
}

/** Books the return if the provider shows it, and answers with whom to wake; undefined when it does not. */
export async function readReturn(
  { store, qbitpay }: Pick<ActivityDependencies, 'store' | 'qbitpay'>,
  { payoutId, providerPayoutId }: Pick<AwaitReturnInput, 'payoutId' | 'providerPayoutId'>,
): Promise<readonly string[] | undefined> {
  const returned = await findReturn(qbitpay, providerPayoutId);
  return returned === undefined ? undefined : store.requests.recordReturn(payoutId, returned);
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
