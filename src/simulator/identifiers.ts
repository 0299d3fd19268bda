import { createHash, randomBytes } from 'node:crypto';

/** A new id in the provider's form: 24 hexadecimal digits. */
export function newId(): string {
  return randomBytes(12).toString('hex');
}

/** The id of a payment method: the same fields are the same method, whoever is paid through it. */
export function paymentMethodId(fields: Readonly<Record<string, string>>): string {
  const canonical = Object.entries(fields).sort(([left], [right]) => (left < right ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex').slice(0, 24);
}

export function newTransactionHash(): string {
  return `0x${randomBytes(32).toString('hex')}`;
}
