import type { AllocationOutcome } from '../src/book/deposits.js';
import type { ActivityDependencies } from './dependencies.js';

export type { AllocationOutcome };

export interface AllocateDepositInput {
  readonly depositKey: string;
}

/** Decides in the book whose a verified deposit is; run again it answers the same. */
export function createAllocateDeposit({ book }: ActivityDependencies) {
  return async function allocateDeposit({ depositKey }: AllocateDepositInput): Promise<AllocationOutcome> {
    return book.deposits.allocate(depositKey);
  };
}
