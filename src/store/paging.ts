import { sql, type SelectQueryBuilder } from 'kysely';
import type { StoreDatabase } from './database.js';
import type { StoreSchema } from './schema.js';

export interface PageRequest {
  readonly limit: number;
  /** Id: what is older than that. */
  readonly startingAfter?: string | undefined;
  /** Id: what is newer than that. */
  readonly endingBefore?: string | undefined;
}

export interface Page<Item> {
  /** Newest first. */
  readonly items: readonly Item[];
  /** True when there are more in the direction of reading. */
  readonly hasMore: boolean;
}

/** The table that a list is of: what its rows are named by, and which number grows with every row. */
interface Listed<Table> {
  readonly table: Table;
  readonly id: string;
  readonly sequence: string;
}

/** @throws UnknownCursorError */
export async function readPage<Table extends keyof StoreSchema, Item>(
  db: StoreDatabase,
  { table, id, sequence }: Listed<Table>,
  query: SelectQueryBuilder<StoreSchema, Table, Item>,
  { limit, startingAfter, endingBefore }: PageRequest,
): Promise<Page<Item>> {
  const isForwards = endingBefore === undefined;
  const cursor = startingAfter ?? endingBefore;
  const place = sql.ref(`${table}.${sequence}`);
  let beyond = query;
  if (cursor !== undefined) {
    const { rows } = await sql<{ place: string }>`
      select ${place} as place from ${sql.table(table)} where ${sql.ref(id)} = ${cursor}`.execute(db);
    if (rows[0] === undefined) throw new UnknownCursorError(isForwards ? 'starting_after' : 'ending_before');
    beyond = query.where(sql<boolean>`${place} ${sql.raw(isForwards ? '<' : '>')} ${rows[0].place}`);
  }
  const rows = await beyond
    .orderBy(place, isForwards ? 'desc' : 'asc')
    .limit(limit + 1)
    .execute();
  const items = rows.slice(0, limit);
  return { items: isForwards ? items : items.reverse(), hasMore: rows.length > limit };
}

/** The cursor of a list names nothing. */
export class UnknownCursorError extends Error {
  override readonly name = 'UnknownCursorError';
  readonly field: 'starting_after' | 'ending_before';

  constructor(field: 'starting_after' | 'ending_before') {
    super(`${field} names nothing in the list`);
    this.field = field;
  }
}
