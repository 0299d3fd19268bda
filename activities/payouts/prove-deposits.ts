import type { BalanceTransaction } from '../../src/qbitpay/schemas.js';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import type { ProvenDeposit } from '../../src/store/deposits/missing-deposits.js';
import { OBJECT_KIND } from '../../src/store/schema.js';
import type { ActivityDependencies } from '../dependencies.js';
import { readState, type PayoutState } from '../payout-state.js';
import { orNone } from '../provider/missing-object.js';
import { observeTransaction } from '../provider/provider-list.js';
import type { RequestNext } from './send-guarded.js';

/** So many are asked for together: how much of it QbitPay is asked at a time, the request rate limits. */
const AT_ONCE = 10;

/**
 * Asks QbitPay for the deposits that a payout lives on, right before their money is used: what other payers deposited must
 * not leave in their place. Undefined where all are there; else what the step answers: the payout is held where one is gone.
 * What was shown is noted as it goes: a step whose price grew too old meanwhile does not ask for it again.
 */
export async function findUnproven(
  deps: ActivityDependencies,
  payoutId: string,
): Promise<PayoutState<RequestNext> | undefined> {
  const { deposits, payouts } = deps.store;
  const unproven = await deposits.listUnprovenDeposits(payoutId);
  let areAllThere = true;
  for (let from = 0; from < unproven.length; from += AT_ONCE) {
    const some = unproven.slice(from, from + AT_ONCE);
    const shown = await Promise.all(some.map((deposit) => isProven(deps, deposit)));
    await deposits.noteProven(some.filter((_, index) => shown[index]).map(({ depositId }) => depositId));
    for (const [index, { depositId, isMissing }] of some.entries()) {
      const isThere = shown[index] === true;
      areAllThere &&= isThere;
      if (!isThere) await deposits.markMissing(depositId);
      else if (isMissing) await deposits.markFound(depositId);
    }
  }
  // Also where an order of it was sent before: its step would find the same again, at once.
  const detail = 'QbitPay does not show a deposit any more that it lives on';
  if (areAllThere) return undefined;
  await payouts.holdPayout(payoutId, { reason: FAILURE_TYPE.DEPOSIT_MISSING, detail });
  return readState(deps.store, payoutId);
}

/** One answer that it is gone proves nothing, unless it repeats what is known. */
async function isProven(deps: ActivityDependencies, deposit: ProvenDeposit): Promise<boolean> {
  return (await provesNow(deps, deposit)) || (!deposit.isMissing && (await provesNow(deps, deposit)));
}

async function provesNow(
  { store, qbitpay }: ActivityDependencies,
  { depositId, proof: id }: ProvenDeposit,
): Promise<boolean> {
  const readAt = await store.mirror.readClock();
  const shown = await orNone<BalanceTransaction>(() => qbitpay.getBalanceTransaction(id));
  if (shown === undefined) await store.mirror.recordMissing(OBJECT_KIND.TRANSACTION, id, readAt);
  else await store.mirror.recordReading(observeTransaction(shown), readAt);
  return store.deposits.isProven(depositId);
}
