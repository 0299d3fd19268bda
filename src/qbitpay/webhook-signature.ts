import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { decodeUtf8 } from './decimal-json.js';

/** Name of the header as Node presents it (contract, section Signature: `QbitPay-Signature`). */
export const WEBHOOK_SIGNATURE_HEADER = 'qbitpay-signature';

/** Which digest is expected is configuration, never the sender's choice. */
export type WebhookAlgorithm = keyof typeof SIGNATURE_LENGTHS;

const SIGNATURE_LENGTHS = { md5: 32, 'hmac-sha256': 64 } as const;

/** True where the header could be a signature; one that was sent twice reaches us as one text, joined by a comma. */
export function isSignatureShaped(signature: unknown, algorithm: WebhookAlgorithm): signature is string {
  return (
    typeof signature === 'string' &&
    signature.length === SIGNATURE_LENGTHS[algorithm] &&
    /^[0-9A-F]+$/.test(signature)
  );
}

/**
 * True when `signature` belongs to these bytes (contract, section Signature) under one of the keys (several during a
 * rotation). Never throws on what a sender sends. All keys are tried, and each comparison takes the same time, so that
 * the time says nothing about a key. Lower-case hex is refused: the contract's digests are upper case.
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

/** `name=value` of the top-level members that are not empty, in ascending order of their names; values as received. */
function toSignedText(body: string): string {
  return readMembers(body)
    .filter(({ value }) => value !== 'null' && value !== '""')
    .sort(({ name: left }, { name: right }) => Number(left > right) - Number(left < right))
    .map(({ name, value }) => `${name}=${value.startsWith('"') ? (JSON.parse(value) as string) : value}`)
    .join('&');
}

/** In a text that JSON.parse accepts these are all there is, apart from white space. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;

/**
 * The members of a JSON object, each value as the text that was received, less the white space between its tokens. A
 * JavaScript object would show neither the order of names that look like integers nor all digits of a number.
 */
function readMembers(json: string): readonly { readonly name: string; readonly value: string }[] {
  const object: unknown = JSON.parse(json);
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    throw new SyntaxError('a webhook body is a JSON object');
  }
  const members: string[][] = [[]];
  let depth = 0;
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '}' || token === ']') depth -= 1;
    if (depth === 1 && token === ',') members.push([]);
    else if (depth > 0) members.at(-1)?.push(token);
    if (token === '{' || token === '[') depth += 1;
  }
  return members
    .filter((tokens) => tokens.length > 0)
    .map(([name = '', ...colonAndValue]) => ({
      name: JSON.parse(name) as string,
      value: colonAndValue.slice(1).join(''),
    }));
}

/** The known answer of the examples holds `&key=` for MD5; [I] the HMAC is taken over the same text. */
function digest(text: string, key: string, algorithm: WebhookAlgorithm): string {
  const signed = `${text}&key=${key}`;
  const hash = algorithm === 'md5' ? createHash('md5') : createHmac('sha256', key);
  return hash.update(signed, 'utf8').digest('hex').toUpperCase();
}
