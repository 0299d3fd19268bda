import {
  findUnbooked,
  readAccountOpening,
  readProviderBalances,
  recordOpeningBalances,
} from './account-opening.js';
import { enterStep, recordOrder, upsertOrder } from './attempts.js';
import { claimedBalance, recordBalanceReading, recordDepositIfCovered } from './balance-claims.js';
import { createBookDatabase, pingDatabase, type BookDatabase, type BookDatabaseOptions } from './database.js';
import { declareTransaction } from './declarations.js';
import { findDeposit, findDepositsOfTransaction, listDeposits } from './deposit-reading.js';
import { allocateDeposit, assignDeposit } from './deposits.js';
import { claimForProvider } from './engine-settings.js';
import { claimSending, declareUnknown, getFence, settleFence } from './fences.js';
import { closeFunding, findOpened, openFromBalance, openFunding } from './funding.js';
import { fundsOf } from './ledger.js';
import { listLedgerEntries, readBalances, readPostingsOf } from './ledger-reading.js';
import { assertBookMigrated, migrateBook } from './migrator.js';
import {
  findPayout,
  findPayoutIdByProviderId,
  getPayout,
  listPayouts,
  readTimeline,
} from './payout-reading.js';
import { clearWaiting, holdPayout, noteWaiting } from './payouts.js';
import {
  findReturning,
  readBookSnapshot,
  readReport,
  recordOutsideActivity,
  storeReport,
} from './reconciliation-reading.js';
import { createRequestHasher } from './request-hash.js';
import { reserveFunds } from './reservations.js';
import { recordProviderPayout, recordReturn, recordSettlement } from './settlements.js';
import {
  findDepositKey,
  findExplainedDeposits,
  learnTransaction,
  recordVerifiedDeposit,
} from './verified-deposits.js';
import {
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
  return bindBook(createBookDatabase(options));
}

function bindBook(db: BookDatabase) {
  return {
    migrate: () => migrateBook(db),
    assertMigrated: () => assertBookMigrated(db),
    ping: () => pingDatabase(db),
    close: () => db.destroy(),
    hashRequest: createRequestHasher(db),
    claimForProvider: (provider: string) => claimForProvider(db, provider),
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
      getFence,
      recordOrder,
      upsertOrder,
      recordProviderPayout,
      recordSettlement,
      recordReturn,
    }),
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
      markHandled: markWebhooksHandled,
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
