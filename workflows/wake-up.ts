import { getExternalWorkflowHandle, isCancellation, log } from '@temporalio/workflow';
import { payoutWorkflowId } from '../src/domain/identifiers.js';
import { balanceReleased } from './payout/payout-messages.js';

/**
 * Tells the payouts that wait for the available balance that it is their turn to look. One that cannot be told looks by
 * itself a little later.
 */
export async function wakeWaiting(wake: readonly string[] = []): Promise<void> {
  for (const payoutId of wake) {
    try {
      await getExternalWorkflowHandle(payoutWorkflowId(payoutId)).signal(balanceReleased);
    } catch (error) {
      if (isCancellation(error)) throw error;
      log.warn('a payout that waits for the available balance could not be told', { payoutId });
    }
  }
}
