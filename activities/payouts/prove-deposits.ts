import type { BalanceTransaction } from '../../src/qbitpay/schemas.js';
import { BALANCE_TRANSACTION_STATUS } from '../../src/domain/provider-status.js';
import { OBJECT_KIND } from '../../src/store/schema.js';
import type { ActivityDependencies } from '../dependencies.js';
import { orNone } from '../provider/missing-object.js';
import { observeTransaction } from '../provider/provider-list.js';

/**
 * Asks QbitPay for the deposits that a payout lives on, right before their money is used: what other payers deposited must
 * not leave in their place. False where one is gone; the payout is held then.
 */
export async function proveDeposits(deps: ActivityDependencies, payoutId: string): Promise<boolean> {
  const { deposits } = deps.store;
  let areAllThere = true;
  for (const { depositId, proof, isMissing } of await deposits.listProvenDeposits(payoutId)) {
    // One answer proves nothing, unless it repeats what is known.
    const isThere = (await isShown(deps, proof)) || (!isMissing && (await isShown(deps, proof)));
    areAllThere &&= isThere;
    if (!isThere) await deposits.markMissing(depositId);
    else if (isMissing) await deposits.markFound(depositId);
  }
  return areAllThere;
}

async function isShown({ store, qbitpay }: ActivityDependencies, id: string): Promise<boolean> {
  const readAt = await store.mirror.readClock();
  const shown = await orNone<BalanceTransaction>(() => qbitpay.getBalanceTransaction(id));
  if (shown === undefined) {
    await store.mirror.recordMissing(OBJECT_KIND.TRANSACTION, id, readAt);
    return false;
  }
  await store.mirror.recordReading(observeTransaction(shown), readAt);
  return shown.status === BALANCE_TRANSACTION_STATUS.AVAILABLE;
}
