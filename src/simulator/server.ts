import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { answerUnknownPath, journalUnserved, registerApi } from './api-routes.js';
import { registerControl } from './control-routes.js';
import { sendJson } from './fault-answers.js';
import { ProviderError } from './provider-error.js';
import type { StartSettings } from './settings.js';
import { closeCore, createCore, resumeCore, type SimulatorCore } from './simulator-core.js';

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
  const log = options.log ?? ((): void => undefined);
  const core = await createCore({
    apiKey: options.apiKey,
    stateDirectory: options.stateDirectory,
    start: startSettings(options),
    log,
  });
  const closing = new AbortController();
  const app = createApp(core, closing.signal, log);
  try {
    await app.listen({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 });
  } catch (error) {
    closeCore(core);
    throw error;
  }
  resumeCore(core);
  const { address, port, family } = app.server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    closing.abort();
    await app.close();
    closeCore(core);
  };
  let closed: Promise<void> | undefined;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    port,
    close: () => (closed ??= close()),
  };
}

function createApp(core: SimulatorCore, closing: AbortSignal, log: (line: string) => void): FastifyInstance {
  const app = fastify({ bodyLimit: MAX_BODY_BYTES, forceCloseConnections: true, exposeHeadRoutes: false });
  // Bodies stay text: they are parsed where they are read, without losing digits, and journaled as they were sent.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    if (closing.aborted) return reply.hijack();
    const status = error.statusCode ?? 500;
    if (status >= 500) log(`${request.method} ${request.url} failed: ${error.stack ?? error.message}`);
    journalUnserved(core, request, status);
    const type = status >= 500 ? 'api_error' : 'invalid_request_error';
    return sendJson(reply, status, new ProviderError(status, type, error.message).body());
  });
  app.setNotFoundHandler((request, reply) => answerUnknownPath(core, request, reply));
  registerApi(app, core, closing);
  registerControl(app, core);
  return app;
}

function startSettings(options: SimulatorOptions): StartSettings {
  const { feeSide, webhookUrl, webhookAlgorithm, livemode, settleAfterMs, webhookTimeScale } = options;
  return {
    ...(feeSide === undefined ? {} : { feeSide }),
    ...(webhookUrl === undefined ? {} : { webhookUrl }),
    ...(webhookAlgorithm === undefined ? {} : { webhookAlgorithm }),
    ...(livemode === undefined ? {} : { livemode }),
    ...(settleAfterMs === undefined ? {} : { settleAfterMs }),
    ...(webhookTimeScale === undefined ? {} : { webhookTimeScale }),
  };
}
