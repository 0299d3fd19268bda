import { createActivities } from '../../../activities/index.js';
import { openStore } from '../../../src/store/store.js';
import { withDatabase } from '../with-database.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

const CREATE_SCHEMA = 'create schema if not exists unbraked';
const CREATE_BRAKES = 'create table if not exists unbraked.brakes (like public.brakes)';

/** Brakes are for people to look at. */
export const BRAKE_IGNORED: Bug = {
  name: 'brakeIgnored',
  about: 'sends while a brake is engaged',
  found: [
    { seed: 5, by: INVARIANT.BRAKES_HOLD },
    { seed: 20, by: INVARIANT.BRAKES_HOLD },
  ],
  makeActivities: (deps) => {
    // Its claims see another table of brakes, in which there is none.
    const url = new URL(process.env['DATABASE_URL'] ?? '');
    const prepared = withDatabase(url.href, async (database) => {
      await database.query(CREATE_SCHEMA);
      await database.query(CREATE_BRAKES);
    });
    url.searchParams.set('options', '-c search_path=unbraked,public');
    const blind = openStore({ url: url.href, onIdleError: () => undefined });
    const claim: typeof deps.store.requests.claim = async (...wanted) => {
      await prepared;
      return blind.requests.claim(...wanted);
    };
    const requests = { ...deps.store.requests, claim };
    return createActivities({ ...deps, store: { ...deps.store, requests } });
  },
};
