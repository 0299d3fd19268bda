import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { findNewestPayout, keepWallets, noteUnreadable, noteWallets } from './controls/account-wallets.js';
import { createBrakes } from './controls/brakes.js';
import { watchStore } from './controls/seen-store.js';
import { claimForProvider } from './controls/engine-settings.js';
import { createDecisions } from './controls/decisions.js';
import { believePrice } from './controls/reference-prices.js';
import {
  connectSession,
  createStoreDatabase,
  inTransaction,
  ping,
  readBudget,
  type StoreDatabase,
  type StoreOptions,
} from './database.js';
import { createDeposits } from './deposits/deposits.js';
import { createLedger } from './ledger/ledger.js';
import { createMirror } from './mirror/mirror.js';
import { createReconciliation } from './reconciliation/reconciliation.js';
import { assertMigrated, migrate } from './migrations/migrator.js';
import { createPayouts } from './payouts/payouts.js';
import { createRequests } from './requests/requests.js';
import { createSendingLocks, type SendingLocks } from './sending-lock.js';
import { createWebhooks } from './webhooks/webhook-inbox.js';

/** The store of record: every payout, transition, deposit, provider request and webhook event, for ever. */
export type Store = ReturnType<typeof createStore>;

/** What the store holds, by aggregate. */
export type Aggregates = ReturnType<typeof createAggregates>;

export function openStore(options: StoreOptions): Store {
  const open = { ...options, token: randomBytes(3).toString('hex') };
  return createStore(createStoreDatabase(open), () => connectSession(open));
}

function createStore(db: StoreDatabase, connect: () => Promise<Client>) {
  const sessions = { connect, locks: createSendingLocks(connect) };
  return {
    ...createAggregates(db, sessions),
    /** Everything that the work does to these aggregates is committed together, or not at all. */
    inTransaction: <T>(work: (aggregates: Aggregates) => Promise<T>): Promise<T> =>
      inTransaction(db, (trx) => work(createAggregates(trx, sessions))),
    claimForProvider: claimForProvider.bind(null, db),
    believePrice: believePrice.bind(null, db),
    noteWallets: noteWallets.bind(null, db),
    keepWallets: keepWallets.bind(null, db),
    findNewestPayout: findNewestPayout.bind(null, db),
    noteUnreadable: noteUnreadable.bind(null, db),
    watchStore: watchStore.bind(null, db),
    migrate: migrate.bind(null, db),
    assertMigrated: assertMigrated.bind(null, db),
    ping: ping.bind(null, db),
    readBudget: readBudget.bind(null, db),
    close: async () => {
      await sessions.locks.close();
      await db.destroy();
    },
  };
}

/** Connections that hold something: how to open one, and the one that holds the locks of sending. */
interface Sessions {
  readonly connect: () => Promise<Client>;
  readonly locks: SendingLocks;
}

function createAggregates(db: StoreDatabase, { connect, locks }: Sessions) {
  return {
    payouts: createPayouts(db),
    deposits: createDeposits(db),
    requests: createRequests(db, locks),
    mirror: createMirror(db, connect),
    decisions: createDecisions(db),
    brakes: createBrakes(db),
    ledger: createLedger(db),
    reconciliation: createReconciliation(db),
    webhooks: createWebhooks(db),
  };
}
