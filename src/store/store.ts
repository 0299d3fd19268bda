import {
  findUnbooked,
  readAccountOpening,
  readProviderBalances,
  recordOpeningBalances,
} from './ledger/account-opening.js';
import { noteOrderDiscrepancy, recordProviderPayout } from './requests/accepted-requests.js';
import {
  enterStep,
  knownOrderIds,
  noteUnclear,
  noteOrderMissing,
  recordOrder,
  releaseKnown,
  reportEarlier,
  soldByOrders,
  upsertOrder,
} from './requests/orders.js';
import { claimedBalance, recordBalanceReading, recordDepositIfCovered } from './ledger/balance-claims.js';
import type { Pool } from 'pg';
import {
  createStoreDatabase,
  createSendingSessions,
  pingDatabase,
  type StoreDatabase,
  type StoreOptions,
} from './database.js';
import { declareTransaction } from './deposits/declarations.js';
import { findDeposit, findDepositsOfTransaction, listDeposits } from './deposits/deposit-reading.js';
import { allocateDeposit, assignDeposit } from './deposits/allocation.js';
import { claimForProvider } from './controls/engine-settings.js';
import {
  authoriseResend,
  claimSending,
  declareUnknown,
  endUnknown,
  getRequest,
  findRequest,
  noteAbsenceCheck,
  settleRequest,
  withdrawResend,
  type ProviderRequestId,
} from './requests/provider-requests.js';
import { closeFunding, findOpened, openFromBalance, openFunding } from './payouts/funding.js';
import { fundsOf } from './ledger/ledger.js';
import { listLedgerEntries, readBalances, readPostingsOf } from './ledger/ledger-reading.js';
import { assertStoreMigrated, migrateStore } from './migrations/migrator.js';
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
  findPayout,
  findPayoutIdByProviderId,
  getPayout,
  listPayouts,
  readTimeline,
} from './payouts/payout-reading.js';
import { holdPayout } from './payouts/holds.js';
import { clearWaiting, noteWaiting } from './payouts/payouts.js';
import {
  findReturnPending,
  readStoreSnapshot,
  readReport,
  recordOutsideActivity,
  storeReport,
} from './ledger/reconciliation-reading.js';
import { whileSending } from './requests/sending-lock.js';
import { createRequestHasher } from './payouts/request-hash.js';
import { reserveFunds } from './payouts/reservations.js';
import { recordMissing, recordReturn, recordSettlement } from './requests/settlements.js';
import {
  findDepositKey,
  findExplainedDeposits,
  learnTransaction,
  recordVerifiedDeposit,
} from './deposits/verified-deposits.js';
import {
  announcedObjectsOf,
  findDueWebhooks,
  findWebhook,
  keepWebhook,
  markWebhooksHandled,
  noteDispatch,
  pendingWebhooksOf,
  storeWebhook,
} from './webhooks/webhook-inbox.js';

/** The store of record: every payout, transition, deposit, provider request and webhook event, for ever. */
export type Store = ReturnType<typeof bindStore>;

export function openStore(options: StoreOptions): Store {
  return bindStore(createStoreDatabase(options), createSendingSessions(options));
}

function bindStore(db: StoreDatabase, sendingSessions: Pool) {
  const { requests, ...bound } = bindPayouts(db);
  return {
    ...bound,
    requests: {
      ...requests,
      whileSending: <T>(id: ProviderRequestId, send: () => Promise<T>) =>
        whileSending(sendingSessions, id, send),
    },
    migrate: () => migrateStore(db),
    assertMigrated: () => assertStoreMigrated(db),
    ping: () => pingDatabase(db),
    close: async () => {
      await sendingSessions.end();
      await db.destroy();
    },
    hashRequest: createRequestHasher(db),
    claimForProvider: (provider: string) => claimForProvider(db, provider),
    deposits: bindAll(db, {
      recordVerified: recordVerifiedDeposit,
      recordIfCovered: recordDepositIfCovered,
      findKey: findDepositKey,
      findExplained: findExplainedDeposits,
      learnTransaction,
      allocate: allocateDeposit,
      assign: assignDeposit,
      declareTransaction,
      find: findDeposit,
      findOfTransaction: findDepositsOfTransaction,
      list: listDeposits,
    }),
    ledger: bindAll(db, {
      list: listLedgerEntries,
      balances: readBalances,
      postingsOf: readPostingsOf,
      fundsOf,
      claimedBalance,
      readAccountOpening,
      providerBalances: readProviderBalances,
      findUnbooked,
      recordOpeningBalances,
      recordBalanceReading,
    }),
    reconciliation: bindAll(db, {
      snapshot: readStoreSnapshot,
      findReturnPending,
      recordOutsideActivity,
      storeReport,
      readReport,
    }),
    webhooks: bindAll(db, {
      store: storeWebhook,
      find: findWebhook,
      findDue: findDueWebhooks,
      noteDispatch,
      keep: keepWebhook,
      pendingOf: pendingWebhooksOf,
      objectsOf: announcedObjectsOf,
      markHandled: markWebhooksHandled,
    }),
  };
}

function bindPayouts(db: StoreDatabase) {
  return {
    payouts: bindAll(db, {
      find: findPayout,
      get: getPayout,
      findIdByProviderId: findPayoutIdByProviderId,
      list: listPayouts,
      timeline: readTimeline,
      findOpened,
      open: openFunding,
      openFromBalance,
      reserve: reserveFunds,
      close: closeFunding,
      hold: holdPayout,
      noteWaiting,
      clearWaiting,
    }),
    requests: bindAll(db, {
      prepare: enterStep,
      claim: claimSending,
      settle: settleRequest,
      declareUnknown,
      endUnknown,
      withdrawResend,
      get: getRequest,
      find: findRequest,
      noteAbsenceCheck,
      authoriseResend,
      recordOrder,
      upsertOrder,
      noteUnclear,
      noteOrderMissing,
      noteOrderDiscrepancy,
      knownOrderIds,
      soldByOrders,
      releaseKnown,
      reportEarlier,
      recordProviderPayout,
      recordMissing,
      recordSettlement,
      recordReturn,
    }),
    decisions: bindAll(db, {
      hold: holdByOperator,
      resume: resumePayout,
      resend: resendPayout,
      close: closePayout,
      closeReturned,
      closeSold,
      isCarriedOut,
      adoptOrder,
      adoptPayout,
      retry: retryPayout,
    }),
  };
}

type Bound<F> = F extends (db: StoreDatabase, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : never;

/** The same functions without their first argument, the database. */
function bindAll<T extends Record<string, (db: StoreDatabase, ...rest: never[]) => unknown>>(
  db: StoreDatabase,
  functions: T,
): { readonly [Name in keyof T]: Bound<T[Name]> } {
  const bound = Object.entries(functions).map(([name, fn]) => [name, (...rest: never[]) => fn(db, ...rest)]);
  return Object.fromEntries(bound) as { readonly [Name in keyof T]: Bound<T[Name]> };
}
