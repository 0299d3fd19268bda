import type { ActivityDependencies } from '../../../activities/dependencies.js';
import type { MirrorReader } from '../../../src/store/mirror/mirror.js';

/** The same parts, whose reader of QbitPay writes what it reads in another way. */
export function withReader(
  deps: ActivityDependencies,
  change: (reader: MirrorReader) => Partial<MirrorReader>,
): ActivityDependencies {
  const { mirror } = deps.store;
  const asReader: typeof mirror.asReader = (...options) => {
    const reader = mirror.asReader(...options);
    return { ...reader, ...change(reader) };
  };
  return { ...deps, store: { ...deps.store, mirror: { ...mirror, asReader } } };
}
