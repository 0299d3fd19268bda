import type { StoreDatabase } from '../database.js';
import { accept, reportEarlier, returnToAttempt } from './accepted-requests.js';
import { mayBeSent } from './answer-checks.js';
import { isKnownElsewhere, isNamedInAnswer, listAnswers, recordAnswer } from './answers.js';
import { listAccepted } from './provider-payouts.js';
import { recordExecution } from './orders.js';
import {
  authoriseResend,
  claim,
  confirmRefusal,
  declareUnknown,
  endNotSent,
  endUnknown,
  find,
  get,
  prepare,
  wantAbsence,
  withdrawResend,
} from './send-guard.js';
import type { SendingLocks } from '../sending-lock.js';
import { recordReturn } from './returns.js';
import { recordSettlement } from './settlements.js';

/** Requests that move money, orders and payouts alike: sent, accepted, read back, and ended. */
export function createRequests(db: StoreDatabase, { whileSending }: SendingLocks) {
  return {
    prepare: prepare.bind(null, db),
    claim: claim.bind(null, db),
    endNotSent: endNotSent.bind(null, db),
    endUnknown: endUnknown.bind(null, db),
    confirmRefusal: confirmRefusal.bind(null, db),
    declareUnknown: declareUnknown.bind(null, db),
    wantAbsence: wantAbsence.bind(null, db),
    authoriseResend: authoriseResend.bind(null, db),
    withdrawResend: withdrawResend.bind(null, db),
    get: get.bind(null, db),
    find: find.bind(null, db),
    whileSending,
    mayBeSent: mayBeSent.bind(null, db),
    listAnswers: listAnswers.bind(null, db),
    recordAnswer: recordAnswer.bind(null, db),
    isNamedInAnswer: isNamedInAnswer.bind(null, db),
    isKnownElsewhere: isKnownElsewhere.bind(null, db),
    accept: accept.bind(null, db),
    listAccepted: listAccepted.bind(null, db),
    reportEarlier: reportEarlier.bind(null, db),
    returnToAttempt: returnToAttempt.bind(null, db),
    recordExecution: recordExecution.bind(null, db),
    recordSettlement: recordSettlement.bind(null, db),
    recordReturn: recordReturn.bind(null, db),
  };
}
