import type { EntityTable, StoredRecord } from './entity-table.js';

export interface OutcomeRule extends StoredRecord {
  /** How many objects it still applies to. */
  readonly remaining: number;
}

/** Rules about the end of what is made next; the oldest that matches decides, and is used up by it. */
export class OutcomeRules<R extends OutcomeRule> {
  readonly #table: EntityTable<R>;
  // Few rules are ever active, whatever number was used up before.
  #active: string[] = [];

  constructor(table: EntityTable<R>) {
    this.#table = table;
    for (const rule of table.oldestFirst()) if (rule.remaining > 0) this.#active.push(rule.id);
  }

  add(rule: R): R {
    this.#active.push(rule.id);
    return this.#table.put(rule);
  }

  active(): R[] {
    return this.#active.flatMap((id) => this.#table.get(id) ?? []);
  }

  clear(): void {
    for (const rule of this.active()) this.#table.put({ ...rule, remaining: 0 });
    this.#active = [];
  }

  protected take(matches: (rule: R) => boolean): R | undefined {
    const rule = this.active().find(matches);
    if (rule === undefined) return undefined;
    const used = this.#table.put({ ...rule, remaining: rule.remaining - 1 });
    if (used.remaining === 0) this.#active = this.#active.filter((id) => id !== used.id);
    return rule;
  }
}
