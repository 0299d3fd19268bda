import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import { normaliseTransactionHash } from '../domain/identifiers.js';
import type { DepositNotice } from '../store/deposits/deposit-notices.js';
import type { Store } from '../store/store.js';
import type { WebhookSubject } from '../store/webhooks/webhook-inbox.js';
import { WEBHOOK_STATE } from '../store/schema.js';
import { QbitPayWebhookFormatError } from '../qbitpay/errors.js';
import type { ApiKeySource } from '../qbitpay/api-key.js';
import {
  parseWebhookEvent,
  readDepositEvent,
  readPayoutEvent,
  type DepositEvent,
  type WebhookEvent,
} from '../qbitpay/webhook-event.js';
import {
  isSignatureShaped,
  verifyWebhook,
  WEBHOOK_SIGNATURE_HEADER,
  type WebhookAlgorithm,
} from '../qbitpay/webhook-signature.js';

/** What decides which events count; see the environment variables of the same names. */
export interface WebhookRules {
  readonly livemode: boolean;
  readonly depositEventTypes: readonly string[];
}

export interface WebhookReceiverOptions {
  readonly store: Store;
  readonly apiKey: ApiKeySource;
  /** Keys that are accepted besides the current one, for the time of a rotation. */
  readonly extraKeys: readonly string[];
  readonly algorithm: WebhookAlgorithm;
  readonly rules: WebhookRules;
}

/** Events are a few kilobytes; nothing larger is even read. */
const MAX_BODY_BYTES = 256 * 1024;
/** What the API's description says of the receiver; it has nothing to validate, the signature is over raw bytes. */
const DOCUMENTATION = {
  summary: 'Receives QbitPay webhook events',
  description:
    'The URL to enter in the QbitPay dashboard. Authenticated by the QbitPay-Signature header, not by a key.',
  tags: ['webhooks'],
  security: [],
};
const SIGNATURE_REFUSED = 'The signature is missing or wrong.';
/** A stranger's bad signatures must not make the key file be read more often than this. */
const KEY_RELOAD_PAUSE_MS = 1_000;

/**
 * `POST /webhooks/qbitpay`: the shape of the header → the signature over the raw bytes → store → 2xx. The answer is 2xx
 * only once the event, and what follows from it, is durable.
 */
export async function registerWebhookReceiver(
  app: FastifyInstance,
  options: WebhookReceiverOptions,
): Promise<void> {
  const { store, rules, algorithm } = options;
  const verify = createVerifier(options);
  await app.register(async (scope) => {
    // The signature is over the bytes as they came: nothing may parse them before.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
      (_request, body, done) => {
        done(null, body);
      },
    );
    scope.post(
      '/webhooks/qbitpay',
      { bodyLimit: MAX_BODY_BYTES, schema: DOCUMENTATION, onRequest: refuseUnsigned(algorithm) },
      async (request, reply) => {
        const rawBody = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        if (!(await verify(rawBody, String(request.headers[WEBHOOK_SIGNATURE_HEADER])))) {
          throw new WebhookRefusedError(401, SIGNATURE_REFUSED);
        }
        const event = readEvent(rawBody);
        const { id: webhookEventId, type, livemode = null } = event;
        const received = { webhookEventId, type, livemode, body: rawBody };
        const stored = await store.webhooks.storeWebhook(received, subjectOf(event, rules));
        if (stored?.state === WEBHOOK_STATE.KEPT)
          request.log.warn({ webhookEventId }, 'event kept for a person');
        if (stored?.isConflict === true)
          request.log.warn({ webhookEventId }, 'another event came under the id of one that is stored');
        return reply.code(200).send({ received: true });
      },
    );
    await Promise.resolve();
  });
}

/** Carries the status that the server's error handler answers with. */
class WebhookRefusedError extends Error {
  override readonly name = 'WebhookRefusedError';
  readonly statusCode: 400 | 401;

  constructor(statusCode: 400 | 401, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** A stranger's upload is not read: the connection ends with the answer. */
function refuseUnsigned(algorithm: WebhookAlgorithm): onRequestHookHandler {
  return (request, reply, done) => {
    if (isSignatureShaped(request.headers[WEBHOOK_SIGNATURE_HEADER], algorithm)) return done();
    reply.header('connection', 'close');
    done(new WebhookRefusedError(401, SIGNATURE_REFUSED));
  };
}

function createVerifier({ apiKey, extraKeys, algorithm }: WebhookReceiverOptions) {
  let reloadedAtMs = -Infinity;
  const check = (rawBody: Uint8Array, signature: string): boolean =>
    verifyWebhook({ rawBody, signature, keys: [apiKey.current(), ...extraKeys], algorithm });
  return async (rawBody: Uint8Array, signature: string): Promise<boolean> => {
    if (check(rawBody, signature)) return true;
    if (performance.now() - reloadedAtMs < KEY_RELOAD_PAUSE_MS) return false;
    reloadedAtMs = performance.now();
    return (await apiKey.reload()) && check(rawBody, signature);
  };
}

function readEvent(rawBody: Uint8Array): WebhookEvent {
  try {
    return parseWebhookEvent(rawBody);
  } catch (error) {
    if (!(error instanceof QbitPayWebhookFormatError)) throw error;
    throw new WebhookRefusedError(400, `The event cannot be used: ${error.field}.`);
  }
}

/**
 * What an authentic event is about. One that should matter and cannot be used is kept for a person to see; it is never
 * dropped.
 */
function subjectOf(event: WebhookEvent, { livemode, depositEventTypes }: WebhookRules): WebhookSubject {
  const ignored = (detail: string) => ({ kind: 'none', state: WEBHOOK_STATE.IGNORED, detail }) as const;
  if (event.livemode !== livemode) return ignored(`livemode is ${String(event.livemode)}`);
  try {
    const deposit = readDepositEvent(event, depositEventTypes);
    if (deposit !== undefined) return { kind: 'deposit', notice: toNotice(deposit) };
    const announced = readPayoutEvent(event);
    return announced === undefined ? ignored('of no concern to payouts') : { kind: 'payout', announced };
  } catch (error) {
    if (!(error instanceof QbitPayWebhookFormatError)) throw error;
    return { kind: 'none', state: WEBHOOK_STATE.KEPT, detail: `field ${error.field} cannot be used` };
  }
}

function toNotice(event: DepositEvent): DepositNotice {
  const { providerDepositId = null, currency, amount, address = null, txHash } = event;
  const hash = txHash === undefined ? null : normaliseTransactionHash(txHash);
  return { providerDepositId, currency, amount, address, txHash: hash };
}
