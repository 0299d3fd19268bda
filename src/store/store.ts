import type { Pool } from 'pg';
import { claimForProvider } from './controls/engine-settings.js';
import {
  adoptOrder,
  adoptPayout,
  closePayout,
  closeReturned,
  closeSold,
  holdByOperator,
  isCarriedOut,
  resendPayout,
  resumePayout,
  retryPayout,
} from './controls/decisions.js';
import {
  createSendingSessions,
  createStoreDatabase,
  inTransaction,
  ping,
  type StoreDatabase,
  type StoreOptions,
} from './database.js';
import { createDeposits } from './deposits/deposits.js';
import { createLedger } from './ledger/ledger.js';
import { createReconciliation } from './ledger/reconciliation-reading.js';
import { assertMigrated, migrate } from './migrations/migrator.js';
import { createPayouts } from './payouts/payouts.js';
import { noteOrderDiscrepancy, recordProviderPayout } from './requests/accepted-requests.js';
import {
  enterStep,
  knownOrderIds,
  noteOrderMissing,
  noteUnclear,
  recordOrder,
  releaseKnown,
  reportEarlier,
  soldByOrders,
  upsertOrder,
} from './requests/orders.js';
import {
  authoriseResend,
  claimSending,
  declareUnknown,
  endUnknown,
  findRequest,
  getRequest,
  noteAbsenceCheck,
  settleRequest,
  withdrawResend,
  type ProviderRequestId,
} from './requests/provider-requests.js';
import { whileSending } from './requests/sending-lock.js';
import { recordMissing, recordReturn, recordSettlement } from './requests/settlements.js';
import { createWebhooks } from './webhooks/webhook-inbox.js';

/** The store of record: every payout, transition, deposit, provider request and webhook event, for ever. */
export type Store = ReturnType<typeof createStore>;

/** What the store holds, by aggregate. Every function has the name under which its aggregate offers it. */
export type Aggregates = ReturnType<typeof createAggregates>;

export function openStore(options: StoreOptions): Store {
  return createStore(createStoreDatabase(options), createSendingSessions(options));
}

function createStore(db: StoreDatabase, sendingSessions: Pool) {
  return {
    ...createAggregates(db, sendingSessions),
    /** Everything that the work does to these aggregates is committed together, or not at all. */
    inTransaction: <T>(work: (aggregates: Aggregates) => Promise<T>): Promise<T> =>
      inTransaction(db, (trx) => work(createAggregates(trx, sendingSessions))),
    claimForProvider: claimForProvider.bind(null, db),
    migrate: migrate.bind(null, db),
    assertMigrated: assertMigrated.bind(null, db),
    ping: ping.bind(null, db),
    close: async () => {
      await sendingSessions.end();
      await db.destroy();
    },
  };
}

function createAggregates(db: StoreDatabase, sendingSessions: Pool) {
  return {
    payouts: createPayouts(db),
    deposits: createDeposits(db),
    requests: createRequests(db, sendingSessions),
    decisions: createDecisions(db),
    ledger: createLedger(db),
    reconciliation: createReconciliation(db),
    webhooks: createWebhooks(db),
  };
}

function createRequests(db: StoreDatabase, sendingSessions: Pool) {
  return {
    whileSending: <T>(id: ProviderRequestId, send: () => Promise<T>) =>
      whileSending(sendingSessions, id, send),
    prepare: enterStep.bind(null, db),
    claim: claimSending.bind(null, db),
    settle: settleRequest.bind(null, db),
    declareUnknown: declareUnknown.bind(null, db),
    endUnknown: endUnknown.bind(null, db),
    withdrawResend: withdrawResend.bind(null, db),
    get: getRequest.bind(null, db),
    find: findRequest.bind(null, db),
    noteAbsenceCheck: noteAbsenceCheck.bind(null, db),
    authoriseResend: authoriseResend.bind(null, db),
    recordOrder: recordOrder.bind(null, db),
    upsertOrder: upsertOrder.bind(null, db),
    noteUnclear: noteUnclear.bind(null, db),
    noteOrderMissing: noteOrderMissing.bind(null, db),
    noteOrderDiscrepancy: noteOrderDiscrepancy.bind(null, db),
    knownOrderIds: knownOrderIds.bind(null, db),
    soldByOrders: soldByOrders.bind(null, db),
    releaseKnown: releaseKnown.bind(null, db),
    reportEarlier: reportEarlier.bind(null, db),
    recordProviderPayout: recordProviderPayout.bind(null, db),
    recordMissing: recordMissing.bind(null, db),
    recordSettlement: recordSettlement.bind(null, db),
    recordReturn: recordReturn.bind(null, db),
  };
}

function createDecisions(db: StoreDatabase) {
  return {
    hold: holdByOperator.bind(null, db),
    resume: resumePayout.bind(null, db),
    resend: resendPayout.bind(null, db),
    close: closePayout.bind(null, db),
    closeReturned: closeReturned.bind(null, db),
    closeSold: closeSold.bind(null, db),
    isCarriedOut: isCarriedOut.bind(null, db),
    adoptOrder: adoptOrder.bind(null, db),
    adoptPayout: adoptPayout.bind(null, db),
    retry: retryPayout.bind(null, db),
  };
}
