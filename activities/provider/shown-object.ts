import type { Order, Payout } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import { observeObject } from './provider-list.js';
import { orNone } from './missing-object.js';

/** What QbitPay shows of one of its objects. */
export interface Shown<T> {
  /** Undefined while it does not show it. */
  readonly object: T | undefined;
  /** Before the reading left that showed this first, of those that count. */
  readonly since: Date;
  /** From then to the last reading: what was not read meanwhile, in an outage, says nothing. */
  readonly forMs: number;
}

/**
 * The mirror's word where it was read since, also since what is awaited anew, and can be read; else QbitPay is asked, and
 * the mirror has the answer.
 */
export async function readShown<Kind extends 'payout' | 'order'>(
  { store, qbitpay }: Pick<ActivityDependencies, 'store' | 'qbitpay'>,
  kind: Kind,
  id: string,
  since = new Date(0),
): Promise<Shown<Kind extends 'order' ? Order : Payout>> {
  const known = await store.mirror.findObject(kind, id);
  const isFresh =
    known !== undefined && known.read_at > since && known.read_at > (known.awaited_since ?? since);
  if (isFresh && known.problem === null) return toShown(known);
  const readAt = known?.now ?? (await store.mirror.readClock());
  const object = await orNone<Order | Payout>(() =>
    kind === 'order' ? qbitpay.getOrder(id) : qbitpay.getPayout(id),
  );
  if (object === undefined) await store.mirror.recordMissing(kind, id, readAt);
  const read = object && (await store.mirror.recordReading(observeObject(object), readAt));
  return toShown(read ?? (await store.mirror.findObject(kind, id)));
}

type MirrorRow = Awaited<ReturnType<ActivityDependencies['store']['mirror']['findObject']>>;

/** The mirror keeps objects as they were read, less what is personal. */
function toShown<T>(row: MirrorRow): Shown<T> {
  if (row === undefined) return { object: undefined, since: new Date(0), forMs: 0 };
  const object = row.missing_since === null ? (row.content as T) : undefined;
  const { read_at: readAt, so_since: since } = row;
  return { object, since, forMs: readAt.getTime() - since.getTime() };
}
