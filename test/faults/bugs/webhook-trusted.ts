import { createActivities } from '../../../activities/index.js';
import type { QbitPayClient } from '../../../src/qbitpay/client.js';
import { withDatabase } from '../with-database.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** The event says that it is paid: why ask again? */
export const WEBHOOK_TRUSTED: Bug = {
  name: 'webhookTrusted',
  about: 'takes the end that a webhook tells of for what the API shows',
  found: [
    { seed: 58, by: INVARIANT.READ_BEFORE_BELIEVED },
    { seed: 83, by: INVARIANT.READ_BEFORE_BELIEVED },
  ],
  makeActivities: (deps) => {
    const getPayout: QbitPayClient['getPayout'] = async (id) => {
      const end = await findAnnouncedEnd(id);
      const known = await deps.store.mirror.findObject('payout', id);
      if (end === undefined || known === undefined) return deps.qbitpay.getPayout(id);
      return { ...known.content, status: end } as Awaited<ReturnType<QbitPayClient['getPayout']>>;
    };
    return createActivities({ ...deps, qbitpay: { ...deps.qbitpay, getPayout } });
  },
};

async function findAnnouncedEnd(providerPayoutId: string): Promise<string | undefined> {
  const { rows } = await withDatabase(process.env['DATABASE_URL'] ?? '', (database) =>
    database.query<{ end: string }>(
      `select split_part(type, '.', 2) as end from webhook_inbox
       where provider_object_id = $1 and state = 'taken' and type in ('payout.paid', 'payout.failed')
       order by received_at limit 1`,
      [providerPayoutId],
    ),
  );
  return rows[0]?.end;
}
