import { createAwaitProvider } from './provider/await-provider.js';
import { createClaimPayout } from './payouts/claim-payout.js';
import { createCloseFunding } from './payouts/close-funding.js';
import { createCreatePayout } from './payouts/create-payout.js';
import type { ActivityDependencies } from './dependencies.js';
import { createFetchTicker } from './payouts/fetch-ticker.js';
import { createGetDepositAddress } from './payouts/get-deposit-address.js';
import { createGetOrder } from './payouts/get-order.js';
import { createGetPayout } from './payouts/get-payout.js';
import { createHoldPayout } from './payouts/hold-payout.js';
import { createResolveOutcome } from './payouts/resolve-outcome.js';
import { createOperatePayout } from './payouts/operate-payout.js';
import { createPlaceOrder } from './payouts/place-order.js';
import { createReconcile } from './reconciliation/reconcile.js';
import { createSupervise } from './supervisor/supervise.js';
import { createSyncProvider } from './provider/sync-provider.js';
import { createReadMissingDeposit } from './payouts/read-missing-deposit.js';
import { createReserveFunds } from './payouts/reserve-funds.js';

/** Every effect of the engine's workflows: one API call or one booking each, under the name the Temporal UI shows. */
export function createActivities(deps: ActivityDependencies) {
  return {
    claimPayout: createClaimPayout(deps),
    fetchTicker: createFetchTicker(deps),
    getDepositAddress: createGetDepositAddress(deps),
    placeOrder: createPlaceOrder(deps),
    getOrder: createGetOrder(deps),
    createPayout: createCreatePayout(deps),
    resolveOutcome: createResolveOutcome(deps),
    getPayout: createGetPayout(deps),
    awaitProvider: createAwaitProvider(deps),
    closeFunding: createCloseFunding(deps),
    holdPayout: createHoldPayout(deps),
    operatePayout: createOperatePayout(deps),
    readMissingDeposit: createReadMissingDeposit(deps),
    reserveFunds: createReserveFunds(deps),
    supervise: createSupervise(deps),
    syncProvider: createSyncProvider(deps),
    reconcile: createReconcile(deps),
  };
}
export type Activities = ReturnType<typeof createActivities>;
