import type { AllocationOutcome } from '../../src/store/deposits/allocation.js';
import { CRASH_POINT } from '../../src/domain/crash-point.js';
import type { ActivityDependencies } from '../dependencies.js';

export type { AllocationOutcome };

export interface AllocateDepositInput {
  readonly depositKey: string;
}

/** Decides in the store whose a verified deposit is; run again it answers the same. */
export function createAllocateDeposit({ store, reached }: ActivityDependencies) {
  return async function allocateDeposit({ depositKey }: AllocateDepositInput): Promise<AllocationOutcome> {
    const outcome = await store.deposits.allocateDeposit(depositKey);
    await reached(CRASH_POINT.DEPOSIT_ALLOCATED);
    return outcome;
  };
}
