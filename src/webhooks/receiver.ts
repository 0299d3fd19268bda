import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify';
import { payoutIdOfExternalId } from '../domain/identifiers.js';
import { noticeIdOf } from '../store/deposits/deposit-notices.js';
import type { Store } from '../store/store.js';
import type { ReceivedWebhook } from '../store/webhooks/webhook-inbox.js';
import { WEBHOOK_STATE, type WebhookState } from '../store/schema.js';
import { QbitPayWebhookFormatError } from '../qbitpay/errors.js';
import type { ApiKeySource } from '../qbitpay/api-key.js';
import {
  parseWebhookEvent,
  readDepositEvent,
  readPayoutEvent,
  type WebhookEvent,
} from '../qbitpay/webhook-event.js';
import {
  isSignatureShaped,
  verifyWebhook,
  WEBHOOK_SIGNATURE_HEADER,
  type WebhookAlgorithm,
} from '../qbitpay/webhook-signature.js';
import { toNotice, type DispatchWebhook } from './dispatcher.js';

/** What decides which events count; see the environment variables of the same names. */
export interface WebhookRules {
  readonly livemode: boolean;
  readonly depositEventTypes: readonly string[];
}

export interface WebhookReceiverOptions {
  readonly store: Store;
  readonly dispatchWebhook: DispatchWebhook;
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
 * `POST /webhooks/qbitpay`: verify the raw bytes → store → 2xx → dispatch. The answer is 2xx only once the event
 * is durable. The sweeper dispatches what is lost between storing and dispatching.
 */
export async function registerWebhookReceiver(
  app: FastifyInstance,
  options: WebhookReceiverOptions,
): Promise<void> {
  const dispatches = new Set<Promise<void>>();
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
      { bodyLimit: MAX_BODY_BYTES, schema: DOCUMENTATION, onRequest: refuseUnsigned(options.algorithm) },
      async (request, reply) => {
        const rawBody = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        if (!(await verify(rawBody, String(request.headers[WEBHOOK_SIGNATURE_HEADER])))) {
          throw new WebhookRefusedError(401, SIGNATURE_REFUSED);
        }
        const event = readEvent(rawBody);
        const state = await storeEvent(options, event, rawBody);
        if (state === WEBHOOK_STATE.KEPT)
          request.log.warn({ webhookEventId: event.id }, 'event kept for a person');
        if (state === WEBHOOK_STATE.PENDING) track(dispatches, dispatchNow(options, event, request));
        return reply.code(200).send({ received: true });
      },
    );
    scope.addHook('onClose', async () => {
      await Promise.all(dispatches);
    });
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

/** The state of a new event; undefined for one that is stored already. */
async function storeEvent(
  { store, rules }: WebhookReceiverOptions,
  event: WebhookEvent,
  rawBody: Uint8Array,
): Promise<WebhookState | undefined> {
  const classified = await classifyWebhook(store, event, rules);
  const isNew = await store.webhooks.storeWebhook({
    webhookEventId: event.id,
    type: event.type,
    livemode: event.livemode ?? null,
    body: rawBody,
    ...classified,
  });
  return isNew ? classified.state : undefined;
}

const OF_NOTHING = { providerObjectId: null, payoutId: null };

type Classified = Pick<ReceivedWebhook, 'providerObjectId' | 'payoutId' | 'state' | 'stateDetail'>;

/**
 * What an authentic event is about, and whether anything follows from it. An event that should matter and
 * cannot be used is kept for a person to see; it is never dropped.
 */
async function classifyWebhook(store: Store, event: WebhookEvent, rules: WebhookRules): Promise<Classified> {
  if (event.livemode !== rules.livemode) {
    return withoutConsequence(`livemode is ${String(event.livemode)}`);
  }
  try {
    const deposit = readDepositEvent(event, rules.depositEventTypes);
    if (deposit !== undefined) return pending(noticeIdOf(toNotice(deposit)), null);
    const payout = readPayoutEvent(event);
    if (payout === undefined) return withoutConsequence('of no concern to payouts');
    const payoutId =
      payout.externalOrderId === undefined
        ? await store.payouts.findPayoutIdByProviderId(payout.providerPayoutId)
        : payoutIdOfExternalId(payout.externalOrderId);
    const subject = { providerObjectId: payout.providerPayoutId, payoutId: payoutId ?? null };
    // The event helps to resolve an unknown outcome; only an end is a reason to read the payout.
    if (payout.outcome === undefined) return { ...withoutConsequence('announces no end'), ...subject };
    return pending(subject.providerObjectId, subject.payoutId);
  } catch (error) {
    if (!(error instanceof QbitPayWebhookFormatError)) throw error;
    return { ...OF_NOTHING, state: WEBHOOK_STATE.KEPT, stateDetail: `field ${error.field} cannot be used` };
  }
}

function pending(providerObjectId: string, payoutId: string | null): Classified {
  return { providerObjectId, payoutId, state: WEBHOOK_STATE.PENDING, stateDetail: null };
}

function withoutConsequence(stateDetail: string): Classified {
  return { ...OF_NOTHING, state: WEBHOOK_STATE.IGNORED, stateDetail };
}

async function dispatchNow(
  { dispatchWebhook }: WebhookReceiverOptions,
  event: WebhookEvent,
  request: FastifyRequest,
): Promise<void> {
  try {
    await dispatchWebhook(event.id);
  } catch (error) {
    request.log.warn({ webhookEventId: event.id, err: error }, 'not dispatched; the sweeper will');
  }
}

/** Kept until it ends, so that closing the server waits for it. */
function track(running: Set<Promise<void>>, task: Promise<void>): void {
  running.add(task);
  void task.finally(() => running.delete(task));
}
