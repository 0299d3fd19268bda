import type { ActivityDependencies } from '../../activities/dependencies.js';
import { createStaticApiKey } from '../../src/qbitpay/api-key.js';
import { createQbitPayClient, type IsOwnAccount } from '../../src/qbitpay/client.js';

/**
 * The engine's own client with short time-outs: no request takes longer than the campaign's unknown-outcome wait, as none
 * takes longer than 80 s of the 15 minutes that the engine has by default.
 */
const SHORT_TIMEOUTS = { sendMs: 1_000, responseMs: 1_500, readMs: 1_500, postDeadlineMs: 1_000 } as const;

/** From the last moment in which a request that moves money may leave to the last in which its answer counts. */
export const LAST_POST_MS = SHORT_TIMEOUTS.postDeadlineMs + SHORT_TIMEOUTS.sendMs + SHORT_TIMEOUTS.responseMs;

export function withShortTimeouts(
  deps: ActivityDependencies,
  env: Readonly<Record<string, string | undefined>>,
  isOwnAccount: IsOwnAccount,
): ActivityDependencies {
  const qbitpay = createQbitPayClient({
    baseUrl: env['QBITPAY_BASE_URL'] ?? '',
    apiKey: createStaticApiKey(env['QBITPAY_API_KEY'] ?? ''),
    timeouts: SHORT_TIMEOUTS,
    isOwnAccount,
  });
  return { ...deps, qbitpay };
}
