import type * as records from './records.js';
import { DEFAULT_SETTINGS, type Settings } from './settings.js';
import { StateLog, type Upsert } from './state-log.js';
import { Table } from './table.js';

type SettingsRecord = Settings & { readonly id: 'settings' };

/**
 * Everything the simulator knows, in memory, with every change written to the log before the request that made it
 * is answered. Changes happen only inside `transaction`, which is synchronous: requests never see each other half done.
 */
export class Store {
  readonly #tables = new Map<string, Table<records.StoredRecord>>();
  readonly #settings = this.#table<SettingsRecord>('settings');
  readonly balances = this.#table<records.BalanceRecord>('balance');
  readonly balanceTransactions = this.#table<records.BalanceTransactionRecord>('balanceTransaction');
  readonly quotes = this.#table<records.QuoteRecord>('quote');
  readonly orders = this.#table<records.OrderRecord>('order');
  readonly payouts = this.#table<records.PayoutRecord>('payout');
  readonly deposits = this.#table<records.DepositRecord>('deposit');
  readonly charges = this.#table<records.ChargeRecord>('charge');
  readonly payoutOutcomes = this.#table<records.PayoutOutcomeRecord>('payoutOutcome');
  readonly orderOutcomes = this.#table<records.OrderOutcomeRecord>('orderOutcome');
  readonly faults = this.#table<records.FaultRecord>('fault');
  readonly events = this.#table<records.EventRecord>('event');
  readonly journal = this.#table<records.JournalRecord>('journal');

  /** A secret, never written to the state: one that a control call rotated lasts until the process ends. */
  apiKey: string;
  readonly #log: StateLog | undefined;
  // By record, so that one changed twice in a transaction is written once, as it ended.
  #batch: Map<string, Upsert> | undefined;
  #afterCommit: (() => void)[] = [];

  private constructor(apiKey: string, log: StateLog | undefined) {
    this.apiKey = apiKey;
    this.#log = log;
  }

  /** Reads what an earlier run left in the directory and compacts it; without a directory, memory only. */
  static async open(apiKey: string, directory: string | undefined): Promise<Store> {
    const log = directory === undefined ? undefined : new StateLog(directory);
    const store = new Store(apiKey, log);
    await log?.replay(([kind, record]) => store.#tables.get(kind)?.restore(record));
    log?.rewrite(store.#everything());
    return store;
  }

  get settings(): Settings {
    return this.#settings.get('settings') ?? DEFAULT_SETTINGS;
  }

  changeSettings(changes: Partial<Settings>): void {
    this.#settings.put({ ...this.settings, ...changes, id: 'settings' });
  }

  /**
   * Runs the work and writes all its changes as one line. What was changed before the work threw stays changed, so
   * work validates first and changes afterwards. Nested calls join the outer transaction.
   */
  transaction<T>(work: () => T): T {
    if (this.#batch !== undefined) return work();
    this.#batch = new Map();
    try {
      return work();
    } finally {
      const batch = this.#batch;
      const followUps = this.#afterCommit;
      this.#batch = undefined;
      this.#afterCommit = [];
      if (batch.size > 0) this.#log?.append([...batch.values()]);
      for (const followUp of followUps) followUp();
    }
  }

  /** Runs once the current transaction is on disk: nothing is announced that a kill could undo. */
  afterCommit(followUp: () => void): void {
    if (this.#batch === undefined) followUp();
    else this.#afterCommit.push(followUp);
  }

  /** Forgets everything except the settings. */
  reset(): void {
    for (const table of this.#tables.values()) if (table.kind !== 'settings') table.clear();
    this.#batch?.clear();
    this.#log?.rewrite(this.#everything());
  }

  close(): void {
    this.#log?.close();
  }

  #table<R extends records.StoredRecord>(kind: string): Table<R> {
    const table = new Table<R>(kind, (name, record) => this.#record(name, record));
    this.#tables.set(kind, table as unknown as Table<records.StoredRecord>);
    return table;
  }

  #record(kind: string, record: records.StoredRecord): void {
    if (this.#batch === undefined) this.#log?.append([[kind, record]]);
    else this.#batch.set(`${kind} ${record.id}`, [kind, record]);
  }

  *#everything(): Generator<Upsert> {
    for (const table of this.#tables.values()) for (const record of table) yield [table.kind, record];
  }
}
