import type { StoreDatabase } from '../database.js';
import { assignDeposits } from './assignment.js';
import { declareTransaction } from './declarations.js';
import { listOpenNotices, noteDeposit } from './deposit-notices.js';
import { findDeposit, findDepositsOfTransaction, listDeposits } from './deposit-reading.js';
import { listUnprovenDeposits, markFound, markMissing, noteProven, readAgain } from './missing-deposits.js';

/** Deposits: proven once, given to whom they are certain to be for, else assigned by a person. The mirror brings them in. */
export function createDeposits(db: StoreDatabase) {
  return {
    noteDeposit: noteDeposit.bind(null, db),
    listOpenNotices: listOpenNotices.bind(null, db),
    assignDeposits: assignDeposits.bind(null, db),
    declareTransaction: declareTransaction.bind(null, db),
    findDeposit: findDeposit.bind(null, db),
    findDepositsOfTransaction: findDepositsOfTransaction.bind(null, db),
    listDeposits: listDeposits.bind(null, db),
    listUnprovenDeposits: listUnprovenDeposits.bind(null, db),
    noteProven: noteProven.bind(null, db),
    markMissing: markMissing.bind(null, db),
    markFound: markFound.bind(null, db),
    readAgain: readAgain.bind(null, db),
  };
}
