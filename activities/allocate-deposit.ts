import type { AllocationOutcome } from '../src/book/deposits.js';
import { MILESTONE } from '../src/domain/milestone.js';
import type { ActivityDependencies } from './dependencies.js';

export type { AllocationOutcome };

export interface AllocateDepositInput {
  readonly depositKey: string;
}

/** Decides in the book whose a verified deposit is; run again it answers the same. */
export function createAllocateDeposit({ book, reached }: ActivityDependencies) {
  return async function allocateDeposit({ depositKey }: AllocateDepositInput): Promise<AllocationOutcome> {
    const outcome = await book.deposits.allocate(depositKey);
    await reached(MILESTONE.DEPOSIT_ALLOCATED);
    return outcome;
  };
}
