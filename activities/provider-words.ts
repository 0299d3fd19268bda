import { PAYOUT_STATUS as PROVIDER_STATUS } from '../src/qbitpay/schemas.js';

/** True for the words of a payout whose money the provider gives back. */
export function isGivenBack(word: string): boolean {
  return word === PROVIDER_STATUS.FAILED || word === PROVIDER_STATUS.CANCELLED;
}

/** A word of theirs as people may see it: short, and without what could be an account number. */
export function printableWord(word: string): string {
  return word
    .replaceAll(/[^A-Za-z0-9 _.-]/g, '?')
    .replaceAll(/\d{3,}/g, '***')
    .slice(0, 40);
}
