import { FAILURE_TYPE } from '../src/domain/failure-type.js';
import { QbitPayError } from '../src/qbitpay/errors.js';
import type { ActivityDependencies } from './dependencies.js';
import { classifyReadError } from './failure-mapping.js';
import { notYet } from './not-yet.js';
import { findShownDeposits } from './shown-deposits.js';
import { noteWaiting } from './watched.js';

const LOOK_AGAIN_MS = 1_000;

/**
 * Before a payout expires: QbitPay may have its deposit, and its notice may have been lost, or the engine been away. The
 * deposit is then followed up, and the deadline waits until it is in the book.
 * @throws ApplicationFailure to be called again, while a deposit is on its way there, or QbitPay does not answer
 */
export async function awaitUnannounced(deps: ActivityDependencies, payoutId: string): Promise<void> {
  const { book, settings } = deps;
  const payout = await book.payouts.find(payoutId);
  // Where the balance alone proves deposits, no single one is shown.
  if (payout?.deposit == null || settings.depositProof === 'available') return;
  const { currency, amount } = payout.deposit;
  try {
    const sinceMs = payout.createdAt.getTime();
    const shown = await findShownDeposits(deps.qbitpay, { currency, amount, sinceMs });
    for (const { source } of shown) {
      if (source !== undefined && (await followUp(deps, source, { currency, amount }))) {
        await noteWaiting(book, payoutId, FAILURE_TYPE.DEPOSIT_UNVERIFIED);
        throw notYet('a deposit came in that is not in the book yet', LOOK_AGAIN_MS);
      }
    }
  } catch (error) {
    if (!(error instanceof QbitPayError)) throw error;
    const { type, retryAfterMs } = classifyReadError(error);
    await noteWaiting(book, payoutId, type);
    throw notYet('QbitPay does not say whether the deposit came in', retryAfterMs);
  }
  await book.payouts.clearWaiting(payoutId);
}

/** True when the deposit was not in the book. */
async function followUp(
  { book, startDeposit }: ActivityDependencies,
  providerDepositId: string,
  money: { readonly currency: string; readonly amount: string },
): Promise<boolean> {
  const names = { providerDepositId, txHash: null };
  if ((await book.deposits.findKey({ depositKey: providerDepositId, ...names })) !== undefined) return false;
  await startDeposit({ depositKey: providerDepositId, notice: { ...names, ...money, address: null } });
  return true;
}
