import { type Fields, integer, optional, text, withDefault } from './fields.js';
import { badRequest, notFound } from './provider-error.js';
import { newId, type RuleRecord, type StoredRecord } from './records.js';
import type { Settings } from './settings.js';

/** Pagination (contract, "Lists and pagination"). */
export const pageFields = {
  limit: withDefault(integer(1, 100), 10),
  starting_after: optional(text),
  ending_before: optional(text),
};

/** Records of one kind in order of creation, found by id and by position. */
export class Table<R extends StoredRecord> {
  /** What happens to a record when it is due. */
  onDue: (record: R) => void = () => undefined;
  readonly name: string;
  readonly #changed: (record: R) => void;
  readonly #rows: R[] = [];
  readonly #positions = new Map<string, number>();
  /** How many records there were when a page ended with this one. */
  readonly #sizeAtEnd = new Map<string, number>();
  #lastCreatedAt = 0;

  constructor(name: string, changed: (record: R) => void) {
    this.name = name;
    this.#changed = changed;
  }

  get size(): number {
    return this.#rows.length;
  }

  get(id: string): R | undefined {
    return this.#rows[this.#positions.get(id) ?? -1];
  }

  /** The record of this id; throws 404 when there is none. */
  find(id: string): R {
    const record = this.get(id);
    if (record === undefined) throw notFound(this.name.slice(0, -1));
    return record;
  }

  /** All records, oldest first. */
  [Symbol.iterator](): IterableIterator<R> {
    return this.#rows.values();
  }

  /** Stores a new record. Its time is strictly later than the last one's, so that "newest first" has one meaning. */
  add(record: Omit<R, 'id' | 'createdAt'> & { readonly id?: string }): R {
    const createdAt = new Date(Math.max(Date.now(), this.#lastCreatedAt + 1)).toISOString();
    return this.put({ id: newId(), createdAt, ...record } as unknown as R);
  }

  /** Stores a record in place of the one with its id, or after all others. */
  put(record: R): R {
    this.restore(record);
    this.#changed(record);
    return record;
  }

  /** The same without telling anybody: for replaying the log. */
  restore(record: R): void {
    const position = this.#positions.get(record.id) ?? this.#rows.length;
    this.#positions.set(record.id, position);
    this.#rows[position] = record;
    if (record.createdAt !== undefined)
      this.#lastCreatedAt = Math.max(this.#lastCreatedAt, Date.parse(record.createdAt));
  }

  clear(): void {
    this.#rows.length = 0;
    this.#positions.clear();
    this.#sizeAtEnd.clear();
  }

  /**
   * A page of the records that match, newest first. A cursor need not match; throws 400 for one that is no id. By
   * offset, what came since the page that ended with the cursor shifts this one: as much comes once more.
   */
  list(
    url: string,
    page: Fields<typeof pageFields> & Partial<Pick<Settings, 'paging'>>,
    matches: (record: R) => boolean,
    view: (record: R) => object,
  ): object {
    const { limit, starting_after, ending_before, paging } = page;
    if (starting_after !== undefined && ending_before !== undefined) {
      throw badRequest('starting_after and ending_before exclude each other', 'ending_before');
    }
    const isForth = ending_before !== undefined;
    const step = isForth ? 1 : -1;
    const cursor = ending_before ?? starting_after;
    const start = cursor === undefined ? this.#rows.length : this.#positions.get(cursor);
    if (start === undefined) {
      const name = isForth ? 'ending_before' : 'starting_after';
      throw badRequest(`${name} is no object's id`, name);
    }
    const found: R[] = [];
    const arrived = this.#rows.length - (this.#sizeAtEnd.get(starting_after ?? '') ?? this.#rows.length);
    const shift = paging === 'byOffset' ? arrived : 0;
    for (let position = start + shift + step; found.length < limit; position += step) {
      const row = this.#rows[position];
      if (row === undefined) break;
      if (matches(row)) found.push(row);
    }
    const end = found.at(-1);
    if (end !== undefined) this.#sizeAtEnd.set(end.id, this.#rows.length);
    return { object: 'list', url, data: (isForth ? found.reverse() : found).map(view) };
  }
}

export function activeRules<R extends RuleRecord>(rules: Table<R>): R[] {
  return [...rules].filter(({ remaining }) => remaining > 0);
}

/** The oldest rule that matches applies, and is used up by it. */
export function takeRule<R extends RuleRecord>(
  rules: Table<R>,
  matches: (rule: R) => boolean,
): R | undefined {
  const rule = activeRules(rules).find(matches);
  if (rule !== undefined) rules.put({ ...rule, remaining: rule.remaining - 1 });
  return rule;
}

/** Takes back one rule, or all of them; answers how many were still active. */
export function removeRules<R extends RuleRecord>(rules: Table<R>, id?: string): number {
  const removed = activeRules(rules).filter((rule) => isWanted(id, rule.id));
  for (const rule of removed) rules.put({ ...rule, remaining: 0 });
  return removed.length;
}

/** Whether a value is the one that a rule or filter names; where it names none, every value is. */
export function isWanted(named: unknown, value: unknown): boolean {
  return named === undefined || named === null || named === value;
}
