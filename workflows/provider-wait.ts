import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';
import type { FailureType } from '../src/domain/failure-type.js';
import type { PayoutPolicy } from '../src/domain/policy.js';
import { awaitProviderProfile } from './activity-profiles.js';

/** Waits until the provider answers, without adding to the history while it does not. */
export async function awaitProvider(
  policy: Pick<PayoutPolicy, 'retryInitialMs' | 'retryMaxMs'>,
  reason: FailureType,
  payoutId: string | null,
  leaveAloneMs = 0,
): Promise<void> {
  const activities = proxyActivities<Activities>(
    awaitProviderProfile(policy, reason, Math.random(), leaveAloneMs),
  );
  await activities.awaitProvider({ payoutId, leaveAloneMs });
}
