import { createProviderLists } from '../../activities/provider/provider-list.js';
import type { SyncParts } from '../../activities/provider/sync-run.js';
import type { QbitPayClient } from '../../src/qbitpay/client.js';
import type { Store } from '../../src/store/store.js';
import { READER_RULES } from './test-store.js';

/** What a sync works with, for a test that runs syncs one by one: it takes the reading over from whoever had it. */
export async function takeSync(
  store: Store,
  qbitpay: QbitPayClient,
  settings: Omit<SyncParts['settings'], 'maxRequestsPerSecond'>,
): Promise<SyncParts> {
  return {
    store,
    qbitpay,
    reader: store.mirror.asReader(await store.mirror.takeGeneration(), READER_RULES),
    lists: createProviderLists(qbitpay),
    settings: { ...settings, maxRequestsPerSecond: null },
    overlaps: new Map(),
    onPage: () => undefined,
  };
}
