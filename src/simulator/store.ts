import { setMaxListeners } from 'node:events';
import type { FaultRecord } from './faults.js';
import type * as records from './records.js';
import { INITIAL_SETTINGS, type Settings } from './settings.js';
import { StateLog, type Upsert } from './state-log.js';
import { Table } from './table.js';

/**
 * Everything the simulator knows, in memory and in the log. Requests change it inside `transaction`, which is
 * synchronous: they never see each other half done.
 */
export class Store {
  readonly #tables = new Map<string, Table<records.StoredRecord>>();
  readonly #settings = this.#table<records.StoredRecord & { readonly values: Settings }>('settings');
  readonly balances = this.#table<records.BalanceRecord>('balances');
  readonly balanceTransactions = this.#table<records.BalanceTransactionRecord>('balanceTransactions');
  /** When a price was quoted last; the id is symbol, side and price. */
  readonly quotes = this.#table<records.StoredRecord & { symbol: string; quotedAt: number }>('quotes');
  readonly orders = this.#table<records.OrderRecord>('orders');
  readonly payouts = this.#table<records.PayoutRecord>('payouts');
  readonly deposits = this.#table<records.DepositRecord>('deposits');
  readonly charges = this.#table<records.ChargeRecord>('charges');
  /** By the id of the object. */
  readonly disguises = this.#table<records.DisguiseRecord>('disguises');
  readonly payoutOutcomes = this.#table<records.Rule<typeof records.payoutOutcomeFields>>('payoutOutcomes');
  readonly orderOutcomes = this.#table<records.Rule<typeof records.orderOutcomeFields>>('orderOutcomes');
  readonly faults = this.#table<FaultRecord>('faults');
  readonly events = this.#table<records.EventRecord>('events');
  readonly journal = this.#table<records.JournalRecord>('journal');

  /** A secret, never written to the state: one that a control call rotated lasts until the process ends. */
  apiKey: string;
  /** Receives one line for each thing that went wrong. */
  readonly warn: (line: string) => void;
  /** Aborted when the simulator closes. */
  readonly closing = new AbortController();
  readonly #log: StateLog | undefined;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  // By record, so that one changed twice in a transaction is written once, as it ended.
  #batch: Map<string, Upsert> | undefined;
  #isRunning = false;

  /** Reads what an earlier run left in the directory and compacts it; without a directory, memory only. */
  constructor(apiKey: string, directory: string | undefined, warn: (line: string) => void) {
    this.apiKey = apiKey;
    this.warn = warn;
    // As many listen as deliveries are on their way.
    setMaxListeners(0, this.closing.signal);
    this.#log = directory === undefined ? undefined : new StateLog(directory);
    for (const [name, record] of this.#log?.read() ?? []) this.#tables.get(name)?.restore(record);
    this.#log?.rewrite(this.#everything());
  }

  get settings(): Settings {
    return this.#settings.get('settings')?.values ?? INITIAL_SETTINGS;
  }

  changeSettings(changes: Partial<Settings>): void {
    this.#settings.put({ id: 'settings', values: { ...this.settings, ...changes } });
  }

  /** How many records there are of each kind. */
  counts(): Record<string, number> {
    return Object.fromEntries([...this.#tables].map(([name, { size }]) => [name, size]));
  }

  /** Writes all changes of the work as one line. They stay when it throws: work validates first, and changes then. */
  transaction<T>(work: () => T): T {
    if (this.#batch !== undefined) return work();
    this.#batch = new Map();
    try {
      return work();
    } finally {
      const batch = this.#batch;
      this.#batch = undefined;
      if (batch.size > 0) this.#log?.append([...batch.values()]);
    }
  }

  /** Starts the clock: what an earlier run left due, and from now on whatever becomes due. */
  start(): void {
    this.#isRunning = true;
    for (const table of this.#tables.values()) for (const record of table) this.#arm(table, record);
  }

  /** Forgets everything except the settings. */
  reset(): void {
    this.#clearTimers();
    for (const table of this.#tables.values()) if (table.name !== 'settings') table.clear();
    this.#batch?.clear();
    this.#log?.rewrite(this.#everything());
  }

  close(): void {
    this.#clearTimers();
    this.#log?.close();
  }

  #table<R extends records.StoredRecord>(name: string): Table<R> {
    const table = new Table<R>(name, (record) => {
      const upsert: Upsert = [name, record];
      if (this.#batch === undefined) this.#log?.append([upsert]);
      else this.#batch.set(`${name} ${record.id}`, upsert);
      this.#arm(table, record);
    });
    this.#tables.set(name, table as unknown as Table<records.StoredRecord>);
    return table;
  }

  /** Never at once: what a kill could still undo must not be seen. What is due already keeps its order. */
  #arm<R extends records.StoredRecord>(table: Table<R>, { id, dueAt = null }: R): void {
    const key = `${table.name} ${id}`;
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    if (dueAt === null || !this.#isRunning || this.closing.signal.aborted) return;
    const fire = (): void => {
      this.#timers.delete(key);
      this.transaction(() => table.onDue(table.find(id)));
    };
    this.#timers.set(key, setTimeout(fire, Math.max(dueAt - Date.now(), 0)));
  }

  #clearTimers(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #everything(): Upsert[] {
    return [...this.#tables.values()].flatMap((table) => [...table].map((one): Upsert => [table.name, one]));
  }
}
