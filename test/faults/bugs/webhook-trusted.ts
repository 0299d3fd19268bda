import type { ActivityDependencies } from '../../../activities/dependencies.js';
import { createActivities } from '../../../activities/index.js';
import type { GetPayoutInput } from '../../../activities/payouts/get-payout.js';
import type { Store } from '../../../src/store/store.js';
import { FAILURE_TYPE } from '../../../src/domain/failure-type.js';
import { PAYOUT_STATUS } from '../../../src/domain/payout-status.js';
import type { ProviderPayoutStatus } from '../../../src/domain/provider-status.js';
import { withDatabase } from '../with-database.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

type Outcome = NonNullable<Parameters<Store['requests']['recordSettlement']>[1]['outcome']>;

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  'payout.paid': { status: PAYOUT_STATUS.PAID, detail: 'the webhook says so' },
  'payout.failed': {
    status: PAYOUT_STATUS.FAILED,
    detail: 'the webhook says so',
    failure: { type: FAILURE_TYPE.PAYOUT_FAILED, message: 'the webhook says so' },
  },
};

/** The event says that it is paid: why ask again? */
export const WEBHOOK_TRUSTED: Bug = {
  name: 'webhookTrusted',
  about: 'ends a payout by what a webhook says, without reading it from the API',
  found: [
    { seed: 36, by: INVARIANT.READ_BEFORE_BELIEVED },
    { seed: 18, by: INVARIANT.READ_BEFORE_BELIEVED },
  ],
  makeActivities: (deps) => {
    const activities = createActivities(deps);
    return {
      ...activities,
      getPayout: async (input) => {
        const word = await findAnnouncedEnd(input.payoutId);
        await believe(deps, input, word);
        return activities.getPayout(input);
      },
    };
  },
};

async function findAnnouncedEnd(payoutId: string): Promise<string | undefined> {
  const { rows } = await withDatabase(process.env['DATABASE_URL'] ?? '', (database) =>
    database.query<{ type: string }>(
      "select type from webhook_inbox where payout_id = $1 and state = 'taken' order by received_at",
      [payoutId],
    ),
  );
  return rows.map(({ type }) => type).find((type) => OUTCOMES[type] !== undefined);
}

async function believe(
  { store }: ActivityDependencies,
  { payoutId }: GetPayoutInput,
  type: string | undefined,
): Promise<void> {
  const outcome = OUTCOMES[type ?? ''];
  const { providerPayout, currency } = await store.payouts.getPayout(payoutId);
  if (outcome === undefined || providerPayout === null) return;
  const { providerPayoutId, recipientAmount, fee } = providerPayout;
  const status = outcome.status as ProviderPayoutStatus;
  await store.requests.recordSettlement(payoutId, {
    providerPayoutId,
    currency,
    recipientAmount,
    fee,
    status,
    outcome,
  });
}
