import { createActivities } from '../../../activities/index.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';
import { withMirror } from './with-mirror.js';

/** An object that does not carry the request's id is somebody else's. */
export const TWIN_IGNORED: Bug = {
  name: 'twinIgnored',
  about: 'looks for a lost request by its id alone',
  found: [{ seed: 36, by: INVARIANT.SOLD_ONCE }],
  makeActivities: (deps) =>
    createActivities(withMirror(deps, () => ({ findCandidates: () => Promise.resolve([]) }))),
};
