export interface StoredRecord {
  readonly id: string;
}

/** Which part of a list is wanted (contract, "Lists and pagination"); the two cursors exclude each other. */
export interface PageRequest {
  readonly limit: number;
  readonly startingAfter?: string | undefined;
  readonly endingBefore?: string | undefined;
}

export interface PageFilter<R> {
  /** Looks only at the records whose indexed field has this value. */
  readonly index?: { readonly field: string; readonly value: string } | undefined;
  readonly where?: ((record: R) => boolean) | undefined;
}

/**
 * Records of one kind in order of creation, found by id, by position and by indexed fields, so that a page costs
 * what it shows and not what the list holds. Indexed fields never change after creation.
 */
export class EntityTable<R extends StoredRecord> {
  readonly kind: string;
  readonly #rows: R[] = [];
  readonly #positions = new Map<string, number>();
  readonly #indexes = new Map<string, Map<string, number[]>>();
  readonly #write: (kind: string, record: R) => void;
  #lastCreatedAt = 0;

  constructor(
    kind: string,
    write: (kind: string, record: R) => void,
    indexed: readonly (keyof R & string)[],
  ) {
    this.kind = kind;
    this.#write = write;
    for (const field of indexed) this.#indexes.set(field, new Map());
  }

  get size(): number {
    return this.#rows.length;
  }

  get(id: string): R | undefined {
    const position = this.#positions.get(id);
    return position === undefined ? undefined : this.#rows[position];
  }

  has(id: string): boolean {
    return this.#positions.has(id);
  }

  /** All records, oldest first, starting at a position. */
  *oldestFirst(from = 0): Generator<R> {
    for (let position = from; position < this.#rows.length; position += 1) {
      const row = this.#rows[position];
      if (row !== undefined) yield row;
    }
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
    const position = this.#rows.push(record) - 1;
    this.#positions.set(record.id, position);
    for (const [field, index] of this.#indexes) {
      const value: unknown = record[field as keyof R];
      if (typeof value !== 'string') continue;
      const positions = index.get(value);
      if (positions === undefined) index.set(value, [position]);
      else positions.push(position);
    }
    if ('createdAt' in record && typeof record.createdAt === 'string') {
      this.#lastCreatedAt = Date.parse(record.createdAt);
    }
  }

  clear(): void {
    this.#rows.length = 0;
    this.#positions.clear();
    for (const index of this.#indexes.values()) index.clear();
  }

  /**
   * The time of creation for the next record: strictly later than the last one's, so that "newest first" has one
   * meaning. Above a thousand records a second it runs ahead of the clock by a millisecond each.
   */
  nextCreatedAt(): string {
    return new Date(Math.max(Date.now(), this.#lastCreatedAt + 1)).toISOString();
  }

  /** A page, newest first. The cursor must be the id of a record (`has`); it need not match the filter. */
  page(request: PageRequest, filter: PageFilter<R> = {}): R[] {
    const positions =
      filter.index === undefined
        ? undefined
        : (this.#indexes.get(filter.index.field)?.get(filter.index.value) ?? []);
    const length = positions?.length ?? this.#rows.length;
    const found: R[] = [];
    const consider = (rank: number): void => {
      const row = this.#rows[positions === undefined ? rank : (positions[rank] ?? -1)];
      if (row !== undefined && (filter.where?.(row) ?? true)) found.push(row);
    };
    if (request.endingBefore !== undefined) {
      const start = firstRank(positions, (this.#positions.get(request.endingBefore) ?? length) + 1);
      for (let rank = start; rank < length && found.length < request.limit; rank += 1) consider(rank);
      return found.reverse();
    }
    const end =
      request.startingAfter === undefined
        ? length
        : firstRank(positions, this.#positions.get(request.startingAfter) ?? 0);
    for (let rank = end - 1; rank >= 0 && found.length < request.limit; rank -= 1) consider(rank);
    return found;
  }
}

/** The first rank in an ascending list of positions that is at or above `position` (without a list: itself). */
function firstRank(positions: readonly number[] | undefined, position: number): number {
  if (positions === undefined) return position;
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((positions[middle] ?? 0) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}
