import type { ActivityDependencies } from '../../../activities/dependencies.js';
import type { Store } from '../../../src/store/store.js';

type Mirror = Store['mirror'];

/** The same parts, with a mirror that does some things in another way. */
export function withMirror(
  deps: ActivityDependencies,
  change: (mirror: Mirror) => Partial<Mirror>,
): ActivityDependencies {
  const { mirror } = deps.store;
  return { ...deps, store: { ...deps.store, mirror: { ...mirror, ...change(mirror) } } };
}
