import {
  enterStep,
  proceedsOf,
  recordOrder,
  recordProviderPayout,
  recordSettlement,
  upsertOrder,
} from './attempts.js';
import {
  claimedBalance,
  hasOpeningBalances,
  recordDepositIfCovered,
  recordOpeningBalances,
} from './balance-claims.js';
import { createBookDatabase, pingDatabase, type BookDatabase, type BookDatabaseOptions } from './database.js';
import { claimForProvider } from './engine-settings.js';
import { allocateDeposit, declareTransaction, isKnownDeposit, recordVerifiedDeposit } from './deposits.js';
import { claimSending, declareUnknown, getFence, settleFence } from './fences.js';
import { closeFunding, findOpened, openFunding } from './funding.js';
import { assertBookMigrated, migrateBook } from './migrator.js';
import {
  findPayout,
  findPayoutIdByProviderId,
  getPayout,
  listPayouts,
  readTimeline,
} from './payout-reading.js';
import { clearWaiting, holdPayout, noteWaiting } from './payouts.js';
import { createRequestHasher } from './request-hash.js';
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
      proceedsOf,
    }),
    deposits: bindAll(db, {
      recordVerified: recordVerifiedDeposit,
      recordIfCovered: recordDepositIfCovered,
      isKnown: isKnownDeposit,
      allocate: allocateDeposit,
      declareTransaction,
      claimedBalance,
      hasOpeningBalances,
      recordOpeningBalances,
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
