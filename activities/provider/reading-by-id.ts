import { QbitPayApiError, QbitPayConnectionError, QbitPayResponseError } from '../../src/qbitpay/errors.js';
import type { ReadingParts } from './list-reading.js';
import { isKeptFromUs, isUnknownId } from './missing-object.js';
import type { ProviderList } from './provider-list.js';

/** So many that get no answer may be at fault themselves; of more than that, QbitPay does not answer at all. */
const MOST_UNANSWERED = 3;

/** Reads these objects, one by one, into the mirror. */
export async function readByIds(
  { store, reader, onPage }: ReadingParts,
  list: ProviderList,
  ids: readonly string[],
): Promise<null> {
  let unanswered = 0;
  for (const id of ids) {
    const readAt = reader.clock();
    try {
      await reader.recordPage(list.kind, { objects: [await list.readOne(id)], readAt });
    } catch (error) {
      if (isUnanswered(error)) unanswered += 1;
      if (unanswered > MOST_UNANSWERED) throw error;
      // Of an object that it has shown, only 404 says that it is gone.
      const isStranger = isKeptFromUs(error) && (await store.mirror.findObject(list.kind, id)) === undefined;
      if (isStranger || isUnknownId(error)) await reader.recordMissing(list.kind, id, readAt);
      else if (isOfThisObject(error)) await reader.recordUnreadable(list.kind, id, readAt);
      else throw error;
    }
    onPage();
  }
  return null;
}

/** A single object that cannot be read must not stand in the way of everything else. */
function isOfThisObject(error: unknown): boolean {
  const isAnswer = error instanceof QbitPayResponseError || error instanceof QbitPayApiError;
  return isAnswer || isKeptFromUs(error) || isUnanswered(error);
}

/** QbitPay was reached, and did not answer. */
function isUnanswered(error: unknown): boolean {
  return error instanceof QbitPayConnectionError && error.sent;
}
