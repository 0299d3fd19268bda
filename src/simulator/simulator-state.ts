import { EntityTable, type StoredRecord } from './entity-table.js';
import type {
  BalanceRecord,
  BalanceTransactionRecord,
  ChargeRecord,
  DepositRecord,
  EventRecord,
  FaultRecord,
  JournalRecord,
  OrderOutcomeRuleRecord,
  OrderRecord,
  OutcomeRuleRecord,
  PayoutRecord,
  QuoteRecord,
  SettingsRecord,
} from './records.js';
import { StateLog, type Upsert } from './state-log.js';

/**
 * Everything the simulator knows, in memory, with every change written to the log before the request that made it
 * is answered. Changes happen only inside `transaction`, which is synchronous: requests never see each other half done.
 */
export class SimulatorState {
  readonly #tables = new Map<string, EntityTable<StoredRecord>>();
  readonly settings = this.#table<SettingsRecord>('settings');
  readonly balances = this.#table<BalanceRecord>('balance');
  readonly balanceTransactions = this.#table<BalanceTransactionRecord>('balanceTransaction', ['source']);
  readonly quotes = this.#table<QuoteRecord>('quote');
  readonly orders = this.#table<OrderRecord>('order', ['externalOrderId']);
  readonly payouts = this.#table<PayoutRecord>('payout', ['destinationId']);
  readonly outcomeRules = this.#table<OutcomeRuleRecord>('outcomeRule');
  readonly orderOutcomeRules = this.#table<OrderOutcomeRuleRecord>('orderOutcomeRule');
  readonly deposits = this.#table<DepositRecord>('deposit');
  readonly charges = this.#table<ChargeRecord>('charge', ['externalOrderId']);
  readonly events = this.#table<EventRecord>('event');
  readonly faults = this.#table<FaultRecord>('fault');
  readonly journal = this.#table<JournalRecord>('journal');

  readonly #log: StateLog | undefined;
  // By record, so that one changed twice in a transaction is written once, as it ended.
  #batch: Map<string, Upsert> | undefined;
  #afterCommit: (() => void)[] = [];

  private constructor(log: StateLog | undefined) {
    this.#log = log;
  }

  /** Reads what an earlier run left in the directory and compacts it; without a directory, memory only. */
  static async open(directory: string | undefined): Promise<SimulatorState> {
    if (directory === undefined) return new SimulatorState(undefined);
    const log = new StateLog(directory);
    const state = new SimulatorState(log);
    await log.replay(([kind, record]) => state.#tables.get(kind)?.restore(record as StoredRecord));
    log.rewrite(state.#everything());
    return state;
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

  #table<R extends StoredRecord>(kind: string, indexed: readonly (keyof R & string)[] = []): EntityTable<R> {
    const table = new EntityTable<R>(kind, (name, record) => this.#record(name, record), indexed);
    this.#tables.set(kind, table as unknown as EntityTable<StoredRecord>);
    return table;
  }

  #record(kind: string, record: StoredRecord): void {
    if (this.#batch === undefined) this.#log?.append([[kind, record]]);
    else this.#batch.set(`${kind} ${record.id}`, [kind, record]);
  }

  *#everything(): Generator<Upsert> {
    for (const table of this.#tables.values()) {
      for (const record of table.oldestFirst()) yield [table.kind, record];
    }
  }
}
