import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { isLosslessNumber, parse, stringify } from 'lossless-json';
import { decodeUtf8 } from './decimal-json.js';

/** Name of the header as Node presents it (contract, section Signature: `QbitPay-Signature`). */
export const WEBHOOK_SIGNATURE_HEADER = 'qbitpay-signature';

/** Which digest is expected is configuration, never the sender's choice. */
export const WEBHOOK_ALGORITHM = { MD5: 'md5', HMAC_SHA256: 'hmac-sha256' } as const;
export type WebhookAlgorithm = (typeof WEBHOOK_ALGORITHM)[keyof typeof WEBHOOK_ALGORITHM];

/**
 * Signs a webhook body as the provider does (contract, section Signature): for tests of a webhook endpoint.
 * `body` is the raw JSON text of the event.
 * @throws Error when the body is not a JSON object, RangeError when the key is empty.
 */
export function signWebhook(event: {
  readonly body: string | Uint8Array;
  readonly key: string;
  readonly algorithm: WebhookAlgorithm;
}): string {
  if (event.key === '') throw new RangeError('the webhook key is empty');
  const body = typeof event.body === 'string' ? event.body : decodeUtf8(event.body);
  return digest(toSignedText(body), event.key, event.algorithm);
}

/**
 * True when `signature` belongs to these bytes under one of the keys (several during a rotation). Never
 * throws on what a sender sends. All keys are tried, and each comparison takes the same time, so that the
 * time says nothing about a key. Lower-case hex is refused: the contract's digests are upper case.
 */
export function verifyWebhook(event: {
  readonly rawBody: Uint8Array;
  readonly signature: string | undefined;
  readonly keys: readonly string[];
  readonly algorithm: WebhookAlgorithm;
}): boolean {
  const { rawBody, signature, keys, algorithm } = event;
  const text = signedTextOrUndefined(rawBody);
  if (text === undefined || signature === undefined) return false;
  const received = Buffer.from(signature);
  let isValid = false;
  // Anybody can sign with an empty key: one that slipped into a configuration must not open the door.
  for (const key of keys.filter((candidate) => candidate !== '')) {
    const expected = Buffer.from(digest(text, key, algorithm));
    const matches = expected.length === received.length && timingSafeEqual(expected, received);
    isValid = matches || isValid;
  }
  return isValid;
}

function signedTextOrUndefined(rawBody: Uint8Array): string | undefined {
  try {
    return toSignedText(decodeUtf8(rawBody));
  } catch {
    return undefined;
  }
}

/**
 * `name=value` of the top-level members that are not empty, in ascending order of their names; objects as
 * JSON without white space, in the order received. Numbers keep the digits they arrived with: for a sender
 * that serialised and signed the same object this is what JSON.stringify gave, and for digits that a float
 * cannot hold it is the only text that still covers them.
 */
function toSignedText(body: string): string {
  const event = parse(body);
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw new SyntaxError('a webhook body is a JSON object');
  }
  return Object.entries(event)
    .filter(([, value]) => value !== null && value !== '')
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}=${toText(value)}`)
    .join('&');
}

function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  return isLosslessNumber(value) ? value.toString() : (stringify(value) ?? '');
}

/** The known answer of the examples holds `&key=` for MD5; [I] the HMAC is taken over the same text. */
function digest(text: string, key: string, algorithm: WebhookAlgorithm): string {
  const signed = `${text}&key=${key}`;
  const hash = algorithm === WEBHOOK_ALGORITHM.MD5 ? createHash('md5') : createHmac('sha256', key);
  return hash.update(signed, 'utf8').digest('hex').toUpperCase();
}
