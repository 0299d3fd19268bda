import { QbitPayApiError, QbitPayResponseError } from '../../src/qbitpay/errors.js';
import type { ReadingParts } from './list-reading.js';
import { isKeptFromUs, isUnknownId } from './missing-object.js';
import type { ProviderList } from './provider-list.js';

/** Reads these objects, one by one, into the mirror. */
export async function readByIds(
  { store, reader, onPage }: ReadingParts,
  list: ProviderList,
  ids: readonly string[],
): Promise<null> {
  for (const id of ids) {
    const readAt = reader.clock();
    try {
      await reader.recordPage(list.kind, { objects: [await list.readOne(id)], readAt });
    } catch (error) {
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
  return error instanceof QbitPayResponseError || error instanceof QbitPayApiError || isKeptFromUs(error);
}
