import { createHash, createHmac } from 'node:crypto';
import { toExactJson } from './exact-json.js';

/** The header that carries the signature of an event (contract, "Signature"). */
export const SIGNATURE_HEADER = 'QbitPay-Signature';

/**
 * Signs an event: its top-level members that are not empty, names in ASCII order, as `name=value` joined by `&`,
 * an object as its JSON in the order sent, then `&key=<API key>`; MD5 or HMAC-SHA256 in upper-case hex.
 */
export function signEvent(
  members: Readonly<Record<string, unknown>>,
  key: string,
  algorithm: 'md5' | 'hmac-sha256',
): string {
  const text = Object.keys(members)
    .filter((name) => !isEmpty(members[name]))
    .sort()
    .map((name) => `${name}=${signedText(members[name])}&`)
    .join('')
    .concat(`key=${key}`);
  const digest = algorithm === 'md5' ? createHash('md5') : createHmac('sha256', key);
  return digest.update(text, 'utf8').digest('hex').toUpperCase();
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === '';
}

function signedText(value: unknown): string {
  return typeof value === 'string' ? value : toExactJson(value);
}
