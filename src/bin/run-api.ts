import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { createApi } from '../api/server.js';
import { isLoopback, type ConfigFor } from '../config/config.js';
import { choosePort } from '../embedded/choose-port.js';
import { createPayoutGateway } from '../temporal/payout-gateway.js';
import { createReconciliationGateway } from '../temporal/reconciliation-gateway.js';
import { registerWebhookReceiver, type WebhookReceiverOptions } from '../webhooks/receiver.js';
import { createApiKeySource, openServingStore, type TemporalAccess } from './create-parts.js';
import type { RunningPart } from './main.js';
import { VERSION } from './project-files.js';

/** What the webhook receiver works with. */
export type ReceiverParts = Pick<WebhookReceiverOptions, 'store'>;

/** Starts the API with the webhook receiver; answers when it listens. The fault campaign wraps the receiver's parts. */
export async function startApi(
  config: ConfigFor<'api'>,
  temporal: TemporalAccess,
  logger: Logger,
  wrapParts: (parts: ReceiverParts) => ReceiverParts = (parts) => parts,
): Promise<RunningPart> {
  const store = await openServingStore(config, logger);
  const { client } = temporal;
  const { taskQueue } = config.temporal;
  const { depositEventTypes, livemode, webhookAlgorithm, webhookExtraKeys } = config.qbitpay;
  const payouts = createPayoutGateway({ client, taskQueue });
  const apiKey = await createApiKeySource(config.qbitpay.apiKey);
  let draining = false;
  const app = await createApi({
    store,
    payouts,
    payoutPolicy: config.payoutPolicy,
    depositPatienceSeconds: config.depositPatienceSeconds,
    reconciliation: createReconciliationGateway({
      client,
      taskQueue,
      readReport: (reportId) => store.reconciliation.readReport(reportId),
    }),
    apiKeys: config.apiKeys,
    logger,
    isDraining: () => draining,
    version: VERSION,
    register: (server) =>
      registerWebhookReceiver(server, {
        ...wrapParts({ store }),
        apiKey,
        extraKeys: webhookExtraKeys,
        algorithm: webhookAlgorithm,
        rules: { livemode, depositEventTypes },
      }),
  });
  const close = async (): Promise<void> => {
    await app.close();
    await client.connection.close();
    await store.close();
  };
  try {
    await app.listen({ ...config.http });
  } catch (error) {
    await close();
    // Somebody may have taken it since it was chosen.
    await choosePort({ variable: 'PORT', wanted: config.http.port, host: config.http.host });
    throw error;
  }
  return {
    stop: async () => {
      draining = true;
      // Whoever balances the load has to see it before the door closes.
      if (!isLoopback(config.http.host)) await delay(READINESS_NOTICE_MS);
      await close();
    },
  };
}

const READINESS_NOTICE_MS = 3_000;
