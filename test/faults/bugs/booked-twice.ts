import { createActivities } from '../../../activities/index.js';
import type { MirrorReader } from '../../../src/store/mirror/mirror.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';
import { withMirror } from './with-mirror.js';

/** A deposit that has a name of its own wherever it is heard of. */
export const BOOKED_TWICE: Bug = {
  name: 'bookedTwice',
  about: 'books a deposit under each of its names',
  found: [{ seed: 12, by: INVARIANT.MONEY_AGREES }],
  makeActivities: (deps) =>
    createActivities(
      withMirror(deps, (mirror) => ({
        asReader: (...options) => bookingTwice(mirror.asReader(...options)),
      })),
    ),
};

function bookingTwice(reader: MirrorReader): MirrorReader {
  return {
    ...reader,
    recordPage: async (kind, page) => {
      const again = page.objects
        .filter(({ type, source }) => type === 'deposit' && source !== null)
        .map((one) => ({ ...one, providerId: `${one.providerId}-again`, source: `${one.source}-again` }));
      const news = await reader.recordPage(kind, page);
      await reader.recordPage(kind, { objects: again, readAt: page.readAt });
      return news;
    },
  };
}
