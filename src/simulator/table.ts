import type { PageRequest } from './fields.js';
import type { StoredRecord } from './records.js';

/** Records of one kind in order of creation, found by id and by position. */
export class Table<R extends StoredRecord> {
  readonly kind: string;
  readonly #write: (kind: string, record: R) => void;
  readonly #rows: R[] = [];
  readonly #positions = new Map<string, number>();
  #lastCreatedAt = 0;

  /** `write` hands a record to the log. */
  constructor(kind: string, write: (kind: string, record: R) => void) {
    this.kind = kind;
    this.#write = write;
  }

  get size(): number {
    return this.#rows.length;
  }

  get(id: string): R | undefined {
    return this.#rows[this.#positions.get(id) ?? -1];
  }

  /** All records, oldest first. */
  [Symbol.iterator](): IterableIterator<R> {
    return this.#rows.values();
  }

  /** The records after a position, oldest first. */
  slice(position: number): R[] {
    return this.#rows.slice(position);
  }

  /** Stores a new record or replaces the one with the same id, and hands it to the log. */
  put(record: R): R {
    this.restore(record);
    this.#write(this.kind, record);
    return record;
  }

  /** The same without logging: for replaying the log. */
  restore(record: R): void {
    const known = this.#positions.get(record.id);
    if (known !== undefined) {
      this.#rows[known] = record;
      return;
    }
    this.#positions.set(record.id, this.#rows.push(record) - 1);
    if ('createdAt' in record) this.#lastCreatedAt = Date.parse(String(record.createdAt));
  }

  clear(): void {
    this.#rows.length = 0;
    this.#positions.clear();
  }

  /**
   * The time of creation for the next record: strictly later than the last one's, so that "newest first" has one
   * meaning. Above a thousand records a second it runs ahead of the clock by a millisecond each.
   */
  nextCreatedAt(): string {
    return new Date(Math.max(Date.now(), this.#lastCreatedAt + 1)).toISOString();
  }

  /** A page, newest first, of the records that match. A cursor is the id of any record; it need not match. */
  page(request: PageRequest, matches: (record: R) => boolean): R[] {
    const isForth = request.ending_before !== undefined;
    const cursor = this.#positions.get(request.ending_before ?? request.starting_after ?? '');
    const step = isForth ? 1 : -1;
    const found: R[] = [];
    let position = (cursor ?? (isForth ? -1 : this.#rows.length)) + step;
    for (let row = this.#rows[position]; row !== undefined; row = this.#rows[(position += step)]) {
      if (found.length === request.limit) break;
      if (matches(row)) found.push(row);
    }
    return isForth ? found.reverse() : found;
  }
}
