import type { StoreDatabase } from '../database.js';
import { noteOverdue } from './overdue.js';
import { accept, claim } from './acceptance.js';
import {
  closeFunding,
  openForDeposit,
  openFromBalance,
  readMissingDeposit,
  whyNotCancelled,
} from './funding.js';
import { holdPayout, releaseKnown } from './holds.js';
import { readOpenPayouts, readReturningPayouts } from './open-payouts.js';
import { findPayout, getPayout, listPayouts, readPayoutState, readTimeline } from './payout-reading.js';
import { clearWaiting, noteWaiting } from './payout-transitions.js';
import { reserveFunds } from './reservations.js';

/** Payouts: accepted, claimed, opened, held, closed before their money has left, and read. */
export function createPayouts(db: StoreDatabase) {
  return {
    accept: accept.bind(null, db),
    claim: claim.bind(null, db),
    findPayout: findPayout.bind(null, db),
    getPayout: getPayout.bind(null, db),
    readPayoutState: readPayoutState.bind(null, db),
    listPayouts: listPayouts.bind(null, db),
    readOpenPayouts: readOpenPayouts.bind(null, db),
    readReturningPayouts: readReturningPayouts.bind(null, db),
    readTimeline: readTimeline.bind(null, db),
    openForDeposit: openForDeposit.bind(null, db),
    openFromBalance: openFromBalance.bind(null, db),
    reserveFunds: reserveFunds.bind(null, db),
    closeFunding: closeFunding.bind(null, db),
    whyNotCancelled: whyNotCancelled.bind(null, db),
    readMissingDeposit: readMissingDeposit.bind(null, db),
    holdPayout: holdPayout.bind(null, db),
    releaseKnown: releaseKnown.bind(null, db),
    noteOverdue: noteOverdue.bind(null, db),
    noteWaiting: noteWaiting.bind(null, db),
    clearWaiting: clearWaiting.bind(null, db),
  };
}
