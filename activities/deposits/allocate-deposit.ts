import type { AllocationOutcome } from '../../src/store/deposits/allocation.js';
import type { ActivityDependencies } from '../dependencies.js';

export type { AllocationOutcome };

export interface AllocateDepositInput {
  readonly payoutId: null;
  readonly depositKey: string;
}

/** Decides in the store whose a verified deposit is; run again it answers the same. */
export function createAllocateDeposit({ store }: ActivityDependencies) {
  return async function allocateDeposit({ depositKey }: AllocateDepositInput): Promise<AllocationOutcome> {
    return store.deposits.allocateDeposit(depositKey);
  };
}
