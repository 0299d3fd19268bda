import { readFileSync } from 'node:fs';
import { parseExactJson } from '../../../src/simulator/exact-json.js';
import { signEvent } from '../../../src/simulator/webhook-signer.js';

const vector = JSON.parse(
  readFileSync(new URL('./fixtures/webhook-signature.json', import.meta.url), 'utf8'),
) as { key: string; md5: string; hmacSha256: string; body: Record<string, unknown> };

describe('the signature of an event', () => {
  test('is the digest that the provider published', () => {
    expect(signEvent(vector.body, vector.key, 'md5')).toBe(vector.md5);
    expect(signEvent(vector.body, vector.key, 'hmac-sha256')).toBe(vector.hmacSha256);
  });

  test('is the same for a body whose numbers were kept exact', () => {
    const exact = parseExactJson(JSON.stringify(vector.body)) as Record<string, unknown>;
    expect(signEvent(exact, vector.key, 'md5')).toBe(vector.md5);
  });

  test('leaves out empty members only: 0 and false are values', () => {
    const withEmpty = { ...vector.body, note: '', other: null, missing: undefined };
    expect(signEvent(withEmpty, vector.key, 'md5')).toBe(vector.md5);
    expect(signEvent({ ...vector.body, pendingWebhooks: null }, vector.key, 'md5')).not.toBe(vector.md5);
    expect(signEvent({ ...vector.body, livemode: false }, vector.key, 'md5')).not.toBe(
      signEvent({ ...vector.body, livemode: null }, vector.key, 'md5'),
    );
  });

  test('does not depend on the order of the members, but on that inside the data', () => {
    const reversed = Object.fromEntries(Object.entries(vector.body).reverse());
    expect(signEvent(reversed, vector.key, 'md5')).toBe(vector.md5);
    const data = Object.fromEntries(Object.entries(vector.body['data'] as object).reverse());
    expect(signEvent({ ...vector.body, data }, vector.key, 'md5')).not.toBe(vector.md5);
  });
});
