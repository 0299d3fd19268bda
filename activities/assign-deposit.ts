import type { AssignOutcome } from '../src/book/deposits.js';
import type { Assignment } from '../src/book/ledger-records.js';
import type { ActivityDependencies } from './dependencies.js';

export interface AssignDepositInput {
  readonly depositKey: string;
  readonly to: Assignment;
  /** Name of the API key of whoever decided it. */
  readonly actor: string;
}

/** Gives a parked deposit to whom a person says; run again it answers the same. */
export function createAssignDeposit({ book }: ActivityDependencies) {
  return async function assignDeposit({ depositKey, to, actor }: AssignDepositInput): Promise<AssignOutcome> {
    return book.deposits.assign(depositKey, to, actor);
  };
}
