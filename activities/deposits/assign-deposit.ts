import type { AssignOutcome, Assignment } from '../../src/store/deposits/allocation.js';
import type { ActivityDependencies } from '../dependencies.js';

export interface AssignDepositInput {
  readonly payoutId: null;
  readonly depositKey: string;
  readonly to: Assignment;
  /** Name of the API key of whoever decided it. */
  readonly actor: string;
}

/** Gives an unallocated deposit to whom a person says; run again it answers the same. */
export function createAssignDeposit({ store }: ActivityDependencies) {
  return async function assignDeposit({ depositKey, to, actor }: AssignDepositInput): Promise<AssignOutcome> {
    return store.deposits.assignDeposit(depositKey, to, actor);
  };
}
