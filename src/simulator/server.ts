import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { apiEndpoints } from './api-endpoints.js';
import { ClosableTimers } from './closable-timers.js';
import { controlEndpoints } from './control-endpoints.js';
import { resumeDeposits } from './deposits.js';
import { withoutUndefined } from './fields.js';
import { ensureBalances } from './ledger.js';
import { serveApi, serveControl, serveRest } from './serving.js';
import { resumePayouts } from './settlement.js';
import type { Simulation } from './simulation.js';
import { Store } from './store.js';
import { WebhookDelivery } from './webhook-delivery.js';

const MAX_BODY_BYTES = 1 << 20;

export interface SimulatorOptions {
  /** The key that clients authenticate with and that signs webhooks. Never stored. */
  apiKey: string;
  /** @default '127.0.0.1'; the control surface has no authentication, so think before opening it to a network. */
  host?: string;
  /** @default 0: a free port */
  port?: number;
  /** Where the state survives restarts; one simulator per directory. Without it, memory only. */
  stateDirectory?: string;
  /** @default 'added' */
  feeSide?: 'added' | 'deducted';
  /** Without one, events are kept until a control call names it. */
  webhookUrl?: string;
  /** @default 'md5' */
  webhookAlgorithm?: 'md5' | 'hmac-sha256';
  /** @default true */
  livemode?: boolean;
  /** Milliseconds from pending to inTransit, and again from there to the end. @default 1500 */
  settleAfterMs?: number;
  /** Multiplies the 15 minutes between two deliveries of an event. @default 1 */
  webhookTimeScale?: number;
  /** Receives one line for each thing that went wrong. @default nobody */
  log?: (line: string) => void;
}

export interface Simulator {
  readonly url: string;
  readonly port: number;
  /** Cuts every connection and clears every timer. */
  close(): Promise<void>;
}

/**
 * Starts a simulated provider: the API under `/api/v1`, the control surface under `/_simulator`.
 * An option that is given wins over what an earlier run with the same state directory had set.
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const {
    apiKey,
    host = '127.0.0.1',
    port: wantedPort = 0,
    stateDirectory,
    log = () => undefined,
    ...settings
  } = options;
  const store = await Store.open(apiKey, stateDirectory);
  store.changeSettings(withoutUndefined(settings));
  ensureBalances(store);
  const timers = new ClosableTimers();
  const delivery = new WebhookDelivery(store, timers, log);
  const closing = new AbortController();
  const app = createApp({ store, timers, delivery }, closing.signal, log);
  const closeParts = (): void => {
    timers.close();
    delivery.close();
    store.close();
  };
  try {
    await app.listen({ host, port: wantedPort });
  } catch (error) {
    closeParts();
    throw error;
  }
  // Every clock that an earlier run left ticking: payouts in flight, pending deposits, undelivered events.
  resumePayouts({ store, timers, delivery });
  resumeDeposits({ store, timers, delivery });
  delivery.resume();
  const { address, port, family } = app.server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    closing.abort();
    await app.close();
    closeParts();
  };
  let closed: Promise<void> | undefined;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    port,
    close: () => (closed ??= close()),
  };
}

function createApp(
  simulation: Simulation,
  closing: AbortSignal,
  log: (line: string) => void,
): FastifyInstance {
  const { store } = simulation;
  const app = fastify({ bodyLimit: MAX_BODY_BYTES, forceCloseConnections: true, exposeHeadRoutes: false });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  serveRest(app, store, closing, log);
  const endpoints = apiEndpoints(simulation);
  serveApi(app, store, endpoints, closing);
  const names = endpoints.map(({ name }) => name);
  serveControl(app, store, controlEndpoints(simulation, names));
  return app;
}
