import type { StoreDatabase } from '../database.js';
import { closeFunding, findOpened, openForDeposit, openFromBalance } from './funding.js';
import { holdPayout, releaseKnown } from './holds.js';
import {
  findPayout,
  findPayoutIdByProviderId,
  getPayout,
  listPayouts,
  readTimeline,
} from './payout-reading.js';
import { readPayoutState } from './payout-state.js';
import { clearWaiting, noteWaiting } from './payout-transitions.js';
import { hashRequest } from './request-hash.js';
import { reserveFunds } from './reservations.js';

/** Payouts: opened, held, closed before their money has left, and read. */
export function createPayouts(db: StoreDatabase) {
  return {
    findPayout: findPayout.bind(null, db),
    getPayout: getPayout.bind(null, db),
    readPayoutState: readPayoutState.bind(null, db),
    findPayoutIdByProviderId: findPayoutIdByProviderId.bind(null, db),
    listPayouts: listPayouts.bind(null, db),
    readTimeline: readTimeline.bind(null, db),
    findOpened: findOpened.bind(null, db),
    openForDeposit: openForDeposit.bind(null, db),
    openFromBalance: openFromBalance.bind(null, db),
    reserveFunds: reserveFunds.bind(null, db),
    closeFunding: closeFunding.bind(null, db),
    holdPayout: holdPayout.bind(null, db),
    releaseKnown: releaseKnown.bind(null, db),
    noteWaiting: noteWaiting.bind(null, db),
    clearWaiting: clearWaiting.bind(null, db),
    hashRequest: hashRequest.bind(null, db),
  };
}
