import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import { apiEndpoints } from './api-endpoints.js';
import { controlEndpoints } from './control-endpoints.js';
import { confirmDeposit } from './deposits.js';
import { withoutUndefined } from './fields.js';
import { ensureBalances } from './ledger.js';
import { stepPayout } from './payouts.js';
import { serveApi, serveControl, serveRest } from './serving.js';
import type { Settings } from './settings.js';
import { Store } from './store.js';
import { WebhookDelivery } from './webhook-delivery.js';

/** The settings that a start may name (docs/simulator.md); one that is given wins over what an earlier run had stored. */
type StartSettings = Pick<
  Settings,
  'feeSide' | 'webhookUrl' | 'webhookAlgorithm' | 'livemode' | 'settleAfterMs' | 'webhookTimeScale'
>;

export interface SimulatorOptions extends Partial<StartSettings> {
  /** The key that clients authenticate with and that signs webhooks. Never stored. */
  apiKey: string;
  /** @default '127.0.0.1'; the control surface has no authentication, so think before opening it to a network. */
  host?: string;
  /** @default 0: a free port */
  port?: number;
  /** Where the state survives restarts; one simulator per directory. Without it, memory only. */
  stateDirectory?: string;
  /** Receives one line for each thing that went wrong. @default nobody */
  log?: (line: string) => void;
}

export interface Simulator {
  readonly url: string;
  readonly port: number;
  /** Cuts every connection and clears every timer. */
  close(): Promise<void>;
}

/** Starts a simulated provider: the API under `/api/v1`, the control surface under `/_simulator`. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { apiKey, host = '127.0.0.1', port: wanted = 0, stateDirectory, log = () => undefined } = options;
  const { feeSide, webhookUrl, webhookAlgorithm, livemode, settleAfterMs, webhookTimeScale } = options;
  const settings = { feeSide, webhookUrl, webhookAlgorithm, livemode, settleAfterMs, webhookTimeScale };
  const store = new Store(apiKey, stateDirectory, log);
  store.changeSettings(withoutUndefined(settings));
  ensureBalances(store);
  const delivery = new WebhookDelivery(store);
  store.payouts.onDue = (payout) => stepPayout(store, payout);
  store.deposits.onDue = (deposit) => void confirmDeposit(store, deposit);

  const app = fastify({ forceCloseConnections: true, exposeHeadRoutes: false });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  const endpoints = apiEndpoints(store);
  const names = endpoints.map(({ name }) => name);
  serveRest(app, store);
  serveApi(app, store, endpoints);
  serveControl(app, store, controlEndpoints(store, delivery, names));
  const closeAll = async (): Promise<void> => {
    store.closing.abort();
    await app.close();
    delivery.close();
    store.close();
  };
  try {
    await app.listen({ host, port: wanted });
  } catch (error) {
    await closeAll();
    throw error;
  }
  store.start();
  if (store.settings.webhookUrl !== null) delivery.release('waiting');
  const { address, port, family } = app.server.address() as AddressInfo;
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  let closed: Promise<void> | undefined;
  return { url, port, close: () => (closed ??= closeAll()) };
}
