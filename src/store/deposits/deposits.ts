import type { StoreDatabase } from '../database.js';
import { allocateDeposit, assignDeposit } from './allocation.js';
import { declareTransaction } from './declarations.js';
import { findDeposit, findDepositsOfTransaction, listDeposits } from './deposit-reading.js';
import {
  findDepositKey,
  findExplainedDeposits,
  learnTransaction,
  recordDepositIfCovered,
  recordVerifiedDeposit,
} from './verified-deposits.js';

/** Deposits: proven once, given to whom they are certain to be for, else assigned by a person. */
export function createDeposits(db: StoreDatabase) {
  return {
    recordVerifiedDeposit: recordVerifiedDeposit.bind(null, db),
    recordDepositIfCovered: recordDepositIfCovered.bind(null, db),
    findDepositKey: findDepositKey.bind(null, db),
    findExplainedDeposits: findExplainedDeposits.bind(null, db),
    learnTransaction: learnTransaction.bind(null, db),
    allocateDeposit: allocateDeposit.bind(null, db),
    assignDeposit: assignDeposit.bind(null, db),
    declareTransaction: declareTransaction.bind(null, db),
    findDeposit: findDeposit.bind(null, db),
    findDepositsOfTransaction: findDepositsOfTransaction.bind(null, db),
    listDeposits: listDeposits.bind(null, db),
  };
}
