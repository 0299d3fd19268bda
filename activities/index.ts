import { createAllocateDeposit } from './allocate-deposit.js';
import { createAssignDeposit } from './assign-deposit.js';
import { createAwaitProvider } from './await-provider.js';
import { createAwaitReturn } from './await-return.js';
import { createCloseFunding } from './close-funding.js';
import { createCreatePayout } from './create-payout.js';
import type { ActivityDependencies } from './dependencies.js';
import { createDispatchDueWebhooks } from './dispatch-due-webhooks.js';
import { createFetchTicker } from './fetch-ticker.js';
import { createGetDepositAddress } from './get-deposit-address.js';
import { createGetPayout } from './get-payout.js';
import { createHoldPayout } from './hold-payout.js';
import { createResolveOutcome } from './resolve-outcome.js';
import { createOperatePayout } from './operate-payout.js';
import { createPlaceOrder } from './place-order.js';
import { createPollOrder } from './poll-order.js';
import { createPollSettlement } from './poll-settlement.js';
import { createReconcile } from './reconcile.js';
import { createPollReservation, createReserveFunds } from './reserve-funds.js';
import { createVerifyDeposit } from './verify-deposit.js';

/** Every effect of the engine's workflows: one API call or one booking each, under the name the Temporal UI shows. */
export function createActivities(deps: ActivityDependencies) {
  return {
    fetchTicker: createFetchTicker(deps),
    getDepositAddress: createGetDepositAddress(deps),
    placeOrder: createPlaceOrder(deps),
    pollOrder: createPollOrder(deps),
    createPayout: createCreatePayout(deps),
    resolveOutcome: createResolveOutcome(deps),
    pollSettlement: createPollSettlement(deps),
    getPayout: createGetPayout(deps),
    awaitProvider: createAwaitProvider(deps),
    closeFunding: createCloseFunding(deps),
    holdPayout: createHoldPayout(deps),
    operatePayout: createOperatePayout(deps),
    verifyDeposit: createVerifyDeposit(deps),
    allocateDeposit: createAllocateDeposit(deps),
    assignDeposit: createAssignDeposit(deps),
    reserveFunds: createReserveFunds(deps),
    pollReservation: createPollReservation(deps),
    awaitReturn: createAwaitReturn(deps),
    reconcile: createReconcile(deps),
    dispatchDueWebhooks: createDispatchDueWebhooks(deps),
  };
}
export type Activities = ReturnType<typeof createActivities>;
