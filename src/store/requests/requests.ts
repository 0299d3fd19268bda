import type { Pool } from 'pg';
import type { StoreDatabase } from '../database.js';
import { accept, noteUnshown, reportEarlier } from './accepted-requests.js';
import { knownOrderIds, recordExecution } from './orders.js';
import {
  authoriseResend,
  claim,
  declareUnknown,
  endUnknown,
  find,
  get,
  noteAbsenceCheck,
  prepare,
  settle,
  withdrawResend,
  type ProviderRequestId,
} from './send-guard.js';
import { whileSending } from '../sending-lock.js';
import { recordMissing, recordReturn, recordSettlement } from './settlements.js';

/** Requests that move money, orders and payouts alike: sent, accepted, read back, and ended. */
export function createRequests(db: StoreDatabase, sessions: Pool) {
  return {
    prepare: prepare.bind(null, db),
    claim: claim.bind(null, db),
    settle: settle.bind(null, db),
    endUnknown: endUnknown.bind(null, db),
    declareUnknown: declareUnknown.bind(null, db),
    noteAbsenceCheck: noteAbsenceCheck.bind(null, db),
    authoriseResend: authoriseResend.bind(null, db),
    withdrawResend: withdrawResend.bind(null, db),
    get: get.bind(null, db),
    find: find.bind(null, db),
    whileSending: <T>(id: ProviderRequestId, send: () => Promise<T>) => whileSending(sessions, id, send),
    accept: accept.bind(null, db),
    reportEarlier: reportEarlier.bind(null, db),
    noteUnshown: noteUnshown.bind(null, db),
    recordExecution: recordExecution.bind(null, db),
    knownOrderIds: knownOrderIds.bind(null, db),
    recordSettlement: recordSettlement.bind(null, db),
    recordMissing: recordMissing.bind(null, db),
    recordReturn: recordReturn.bind(null, db),
  };
}
