import type { ActivityDependencies } from '../dependencies.js';

/** What a payout lacks of its deposit, after the store has given it some: "0" when it is funded. */
export function createReadMissingDeposit({ store }: ActivityDependencies) {
  return async function readMissingDeposit({ payoutId }: { readonly payoutId: string }): Promise<string> {
    return store.payouts.readMissingDeposit(payoutId);
  };
}
