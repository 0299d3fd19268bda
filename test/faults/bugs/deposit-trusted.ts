import { createActivities } from '../../../activities/index.js';
import type { MirrorReader } from '../../../src/store/mirror/mirror.js';
import type { Store } from '../../../src/store/store.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';
import { withMirror } from './with-mirror.js';

/** The notice names currency and amount: why ask where the money is? */
export const DEPOSIT_TRUSTED: Bug = {
  name: 'depositTrusted',
  about: 'books a deposit as its notice says, without reading its money',
  // Three of its notices tell of money that never comes.
  found: [{ seed: 17, by: INVARIANT.READ_BEFORE_BELIEVED }],
  makeActivities: (deps) => {
    let reader: MirrorReader | undefined;
    return createActivities(
      withMirror(deps, (mirror) => ({
        asReader: (...options) => (reader = mirror.asReader(...options)),
        readWishes: async (limit) => {
          if (reader !== undefined) await believeNotices(deps.store, reader);
          return mirror.readWishes(limit);
        },
      })),
    );
  },
};

async function believeNotices({ deposits, mirror }: Store, reader: MirrorReader): Promise<void> {
  const { items } = await deposits.listOpenNotices({ limit: 100 });
  const objects = items.map(({ noticeId, providerDepositId, currency, amount }) => ({
    kind: 'transaction' as const,
    providerId: `notice-${noticeId}`,
    externalOrderId: null,
    source: providerDepositId,
    type: 'deposit',
    status: 'available',
    currency,
    amount,
    content: { createdAt: new Date().toISOString() },
    problem: null,
    isOpen: false,
  }));
  await reader.recordPage('transaction', { objects, readAt: await mirror.readClock() });
}
