import { isFinalStatus } from '../domain/payout-status.js';
import { readConfig } from '../config/config.js';
import { createLogger } from '../config/logger.js';
import type { UnexplainedObject } from '../store/mirror/unexplained-objects.js';
import { openMigratedStore } from './create-parts.js';
import { withLocalEngine } from './local-engine.js';
import { readFlags, runMain } from './main.js';

const EXIT_CODE = { NOTHING_LEFT: 0, SOMETHING_LEFT: 1, COULD_NOT_RUN: 2 } as const;
const USAGE = 'usage: npm run recover [-- --adopt]';
/** An empty store on an old account may have any number. */
const MOST_LISTED = 1_000;

await runMain(async (env) => {
  const { adopt } = readFlags(['adopt'], USAGE);
  const config = readConfig(await withLocalEngine(env), 'worker');
  const logger = createLogger({ level: config.logLevel, name: 'recover' }, process.stderr);
  const { mirror } = await openMigratedStore(config, logger);
  const found = await mirror.listUnexplained(MOST_LISTED);
  for (const object of found) console.log(describe(object));
  if (found.length === MOST_LISTED) console.log(`… and maybe more: these are the ${MOST_LISTED} oldest.`);
  if (found.length === 0) console.log('QbitPay has nothing that this store has not sent.');
  else if (adopt) console.log(`${await mirror.adoptUnexplained()} adopted.`);
  else console.log('"npm run recover -- --adopt" adopts what payouts of the store can take over.');
  return found.length === 0 || adopt ? EXIT_CODE.NOTHING_LEFT : EXIT_CODE.SOMETHING_LEFT;
}, EXIT_CODE.COULD_NOT_RUN);

function describe(object: UnexplainedObject): string {
  const { kind, providerId, externalOrderId, status, amount, currency } = object;
  const what = `${kind} ${providerId} (${externalOrderId ?? ''}), ${amount ?? '?'} ${currency ?? '?'}, ${status ?? 'cannot be read'}`;
  return `${what}: ${whatAdoptingDoes(object)}`;
}

function whatAdoptingDoes({ payoutId, payoutStatus, missingSince }: UnexplainedObject): string {
  if (payoutId === null || payoutStatus === null) {
    return 'the store has no such payout; asked for again under the same payoutId, it takes this over instead of paying';
  }
  if (missingSince !== null) return `payout ${payoutId} is held: QbitPay does not show it any more`;
  if (isFinalStatus(payoutStatus)) {
    return `payout ${payoutId} has ended as ${payoutStatus} and takes nothing over: settle it with QbitPay`;
  }
  return `payout ${payoutId} (${payoutStatus}) takes it over instead of sending, or is held where the amounts differ`;
}
