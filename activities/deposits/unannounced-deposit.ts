import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { QbitPayError } from '../../src/qbitpay/errors.js';
import type { ActivityDependencies } from '../dependencies.js';
import { classifyReadError } from '../failure-mapping.js';
import { RetryLaterError, spread } from '../retry-later.js';
import { CLOCK_MARGIN_MS } from '../provider/provider-scan.js';
import { findShownDeposits } from './shown-deposits.js';
import { DEPOSIT_STATUS } from '../../src/store/schema.js';

const LOOK_AGAIN_MS = 1_000;

/**
 * Before a payout expires: QbitPay may have its deposit, and its notice may have been lost, or the engine been away. The
 * deposit is then followed up, and the deadline waits until it is in the store.
 * @throws RetryLaterError to be called again, while a deposit is on its way there, or QbitPay does not answer
 */
export async function awaitUnannounced(deps: ActivityDependencies, payoutId: string): Promise<void> {
  const { store, settings } = deps;
  const payout = await store.payouts.findPayout(payoutId);
  // Where the balance alone proves deposits, no single one is shown.
  if (payout?.deposit == null || settings.depositProof === 'available') return;
  const { currency, amount } = payout.deposit;
  try {
    const sinceMs = payout.createdAt.getTime() - CLOCK_MARGIN_MS;
    const shown = await findShownDeposits(deps.qbitpay, { currency, amount, sinceMs });
    for (const { source } of shown) {
      if (source !== undefined && (await followUp(deps, source, { currency, amount }))) {
        throw new RetryLaterError('a deposit came in, and is not decided about yet', {
          afterMs: LOOK_AGAIN_MS,
          waitsFor: FAILURE_TYPE.DEPOSIT_UNVERIFIED,
        });
      }
    }
  } catch (error) {
    if (!(error instanceof QbitPayError)) throw error;
    const { type, retryAfterMs } = classifyReadError(error);
    throw new RetryLaterError('QbitPay does not say whether the deposit came in', {
      afterMs: retryAfterMs === undefined ? undefined : spread(retryAfterMs),
      waitsFor: type,
    });
  }
  await store.payouts.clearWaiting(payoutId);
}

/** True as long as the store does not say whose the deposit is: it is not there yet, or its workflow is still at it. */
async function followUp(
  { store, startDeposit }: ActivityDependencies,
  providerDepositId: string,
  money: { readonly currency: string; readonly amount: string },
): Promise<boolean> {
  const names = { providerDepositId, txHash: null };
  const key = await store.deposits.findDepositKey({ depositKey: providerDepositId, ...names });
  const known = key === undefined ? undefined : await store.deposits.findDeposit(key);
  if (known !== undefined && known.status !== DEPOSIT_STATUS.VERIFIED) return false;
  // Its workflow runs, as a rule, and then this starts none.
  const depositKey = key ?? providerDepositId;
  await startDeposit({ depositKey, notice: { ...names, ...money, address: null } });
  return true;
}
