import {
  findUnbooked,
  readAccountOpening,
  readProviderBalances,
  recordOpeningBalances,
} from './account-opening.js';
import { noteOrderFinding, recordProviderPayout } from './acceptances.js';
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
} from './attempts.js';
import { claimedBalance, recordBalanceReading, recordDepositIfCovered } from './balance-claims.js';
import type { Pool } from 'pg';
import {
  createBookDatabase,
  createSendingSessions,
  pingDatabase,
  type BookDatabase,
  type BookDatabaseOptions,
} from './database.js';
import { declareTransaction } from './declarations.js';
import { findDeposit, findDepositsOfTransaction, listDeposits } from './deposit-reading.js';
import { allocateDeposit, assignDeposit } from './deposits.js';
import { claimForProvider } from './engine-settings.js';
import {
  authoriseResend,
  claimSending,
  declareUnknown,
  endUnknown,
  getFence,
  findFence,
  noteCleanScan,
  settleFence,
  withdrawResend,
  type FenceId,
} from './fences.js';
import { closeFunding, findOpened, openFromBalance, openFunding } from './funding.js';
import { fundsOf } from './ledger.js';
import { listLedgerEntries, readBalances, readPostingsOf } from './ledger-reading.js';
import { assertBookMigrated, migrateBook } from './migrator.js';
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
} from './operations.js';
import {
  findPayout,
  findPayoutIdByProviderId,
  getPayout,
  listPayouts,
  readTimeline,
} from './payout-reading.js';
import { holdPayout } from './holds.js';
import { clearWaiting, noteWaiting } from './payouts.js';
import {
  findReturning,
  readBookSnapshot,
  readReport,
  recordOutsideActivity,
  storeReport,
} from './reconciliation-reading.js';
import { whileSending } from './sending-lock.js';
import { createRequestHasher } from './request-hash.js';
import { reserveFunds } from './reservations.js';
import { recordMissing, recordReturn, recordSettlement } from './settlements.js';
import {
  findDepositKey,
  findExplainedDeposits,
  learnTransaction,
  recordVerifiedDeposit,
} from './verified-deposits.js';
import {
  announcedObjectsOf,
  findDueWebhooks,
  findWebhook,
  keepWebhook,
  markWebhooksHandled,
  noteDispatch,
  pendingWebhooksOf,
  storeWebhook,
} from './webhook-inbox.js';

/** The book of record: every payout, transition, deposit, fence and webhook event, for ever. */
export type Book = ReturnType<typeof bindBook>;

export function openBook(options: BookDatabaseOptions): Book {
  return bindBook(createBookDatabase(options), createSendingSessions(options));
}

function bindBook(db: BookDatabase, sendingSessions: Pool) {
  return {
    ...bindPayouts(db),
    migrate: () => migrateBook(db),
    assertMigrated: () => assertBookMigrated(db),
    ping: () => pingDatabase(db),
    close: async () => {
      await sendingSessions.end();
      await db.destroy();
    },
    whileSending: <T>(id: FenceId, send: () => Promise<T>) => whileSending(sendingSessions, id, send),
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
      snapshot: readBookSnapshot,
      findReturning,
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

function bindPayouts(db: BookDatabase) {
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
    attempts: bindAll(db, {
      enterStep,
      claimSending,
      settleFence,
      declareUnknown,
      endUnknown,
      withdrawResend,
      getFence,
      findFence,
      noteCleanScan,
      authoriseResend,
      recordOrder,
      upsertOrder,
      noteUnclear,
      noteOrderMissing,
      noteOrderFinding,
      knownOrderIds,
      soldByOrders,
      releaseKnown,
      reportEarlier,
      recordProviderPayout,
      recordMissing,
      recordSettlement,
      recordReturn,
    }),
    operations: bindAll(db, {
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

type Bound<F> = F extends (db: BookDatabase, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : never;

/** The same functions without their first argument, the database. */
function bindAll<T extends Record<string, (db: BookDatabase, ...rest: never[]) => unknown>>(
  db: BookDatabase,
  functions: T,
): { readonly [Name in keyof T]: Bound<T[Name]> } {
  const bound = Object.entries(functions).map(([name, fn]) => [name, (...rest: never[]) => fn(db, ...rest)]);
  return Object.fromEntries(bound) as { readonly [Name in keyof T]: Bound<T[Name]> };
}
