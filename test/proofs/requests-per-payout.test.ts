import { startTestEngine, type TestEngine } from '../support/engine.js';
import {
  countByEndpoint,
  lastRequest,
  openAndFundMany,
  requestsAfter,
  sayFigure,
  scale,
  untilMany,
} from '../support/figures.js';
import type { Json } from '../support/engine-client.js';
import { attachTestStore, type TestStore } from '../support/test-store.js';

/** What an ordinary payout asks of QbitPay, all webhooks delivered, at the interval of the sync that is shipped. */

const PAYOUTS = scale('PAYOUTS', 25);
const MOST_PER_PAYOUT = 9;

let engine: TestEngine;
let testStore: TestStore;

beforeAll(async () => {
  engine = await startTestEngine({ env: { PROVIDER_SYNC_INTERVAL_MS: '10000' } });
  testStore = attachTestStore(engine.databaseUrl);
});
afterAll(async () => {
  await testStore.close();
  await engine.stop();
});

/** Only the sync reads lists, and all balances at once. */
const PAGES = ['payouts', 'orders', 'balanceTransactions', 'balances/show'].map(
  (list) => `GET /api/v1/${list}`,
);
const isPage = ({ endpoint, path }: Json): boolean =>
  PAGES.includes(endpoint) && !path.includes('externalOrderId=');

test('an ordinary payout asks QbitPay for little, pages of the sync counted apart', async () => {
  const before = await lastRequest(engine);
  await openAndFundMany(engine, PAYOUTS);
  await untilMany(testStore, 'paid', PAYOUTS);
  const requests = await requestsAfter(engine, before);
  const own = requests.filter((request) => !isPage(request));
  const average = own.length / PAYOUTS;
  sayFigure(`requests per payout, of ${PAYOUTS}: ${average.toFixed(2)} (at most ${MOST_PER_PAYOUT})`);
  for (const [endpoint, count] of countByEndpoint(own)) {
    sayFigure(`  ${(count / PAYOUTS).toFixed(2)} ${endpoint}`);
  }
  for (const [endpoint, count] of countByEndpoint(requests.filter(isPage))) {
    sayFigure(`  ${count} pages of the sync altogether: ${endpoint}`);
  }
  expect(average).toBeLessThanOrEqual(MOST_PER_PAYOUT);
});
