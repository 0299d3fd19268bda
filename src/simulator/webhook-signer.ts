import { createHash, createHmac } from 'node:crypto';
import { toExactJson } from './exact-json.js';

/**
 * Signs an event (contract, "Signature"): its top-level members that are not empty, names in ASCII order, as
 * `name=value` joined by `&`, an object as its JSON in the order sent, then `&key=<API key>`; the digest in upper case.
 */
export function signEvent(
  members: Readonly<Record<string, unknown>>,
  key: string,
  algorithm: 'md5' | 'hmac-sha256',
): string {
  const parts = Object.entries(members)
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : toExactJson(value)}`);
  const digest = algorithm === 'md5' ? createHash('md5') : createHmac('sha256', key);
  const text = [...parts, `key=${key}`].join('&');
  return digest.update(text, 'utf8').digest('hex').toUpperCase();
}
