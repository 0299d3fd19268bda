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
    const proven = await proveTwice(deps, some);
    for (const { depositId, isMissing } of some) {
      const isThere = proven.has(depositId);
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

/** One answer that it is gone proves nothing, unless it repeats what is known. Answers with the ids of those that are proven. */
async function proveTwice(
  deps: ActivityDependencies,
  some: readonly ProvenDeposit[],
): Promise<ReadonlySet<string>> {
  const proven = new Set(await readProofs(deps, some));
  const again = some.filter(({ depositId, isMissing }) => !isMissing && !proven.has(depositId));
  if (again.length > 0) for (const depositId of await readProofs(deps, again)) proven.add(depositId);
  return proven;
}

async function readProofs(
  { store, qbitpay }: ActivityDependencies,
  some: readonly ProvenDeposit[],
): Promise<readonly string[]> {
  const readAt = await store.mirror.readClock();
  await Promise.all(
    some.map(async ({ proof: id }) => {
      const shown = await orNone<BalanceTransaction>(() => qbitpay.getBalanceTransaction(id));
      if (shown === undefined) await store.mirror.recordMissing(OBJECT_KIND.TRANSACTION, id, readAt);
      else await store.mirror.recordReading(observeTransaction(shown), readAt);
    }),
  );
  return store.deposits.noteProven(some.map(({ depositId }) => depositId));
}
