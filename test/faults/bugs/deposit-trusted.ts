import { createActivities } from '../../../activities/index.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';
import { withReader } from './with-reader.js';

/** The notice names currency and amount: why ask where the money is? */
export const DEPOSIT_TRUSTED: Bug = {
  name: 'depositTrusted',
  about: 'books a deposit as its notice says, without reading its money',
  found: [{ seed: 12, by: INVARIANT.READ_BEFORE_BELIEVED }],
  makeActivities: (deps) =>
    createActivities(
      withReader(deps, (reader) => ({
        settleDeposits: async () => {
          const { items } = await deps.store.deposits.listOpenNotices({ limit: 100 });
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
          await reader.recordPage('transaction', { objects, readAt: await deps.store.mirror.readClock() });
          await reader.settleDeposits();
        },
      })),
    ),
};
