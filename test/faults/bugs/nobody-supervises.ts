import { Context } from '@temporalio/activity';
import { createActivities } from '../../../activities/index.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** A workflow is durable: it cannot be gone. */
export const NOBODY_SUPERVISES: Bug = {
  name: 'nobodySupervises',
  about: 'starts no workflow for an open payout that has none',
  found: [{ seed: 18, by: INVARIANT.COMES_TO_AN_END }],
  makeActivities: (deps) => ({
    ...createActivities(deps),
    supervise: () => Context.current().cancelled,
  }),
};
