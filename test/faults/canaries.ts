/** What no log line, history or failure may ever show: two keys, and the account numbers of recipients. */

export const CANARY_PROVIDER_KEY = 'qbitpay-canary-key-4f9c2b7e';
export const CANARY_CALLER_KEY = 'caller-canary-key-83d1a6c0';

/** Long enough to be found wherever it does not belong. */
export function accountNumberOf(seed: number, index: number): string {
  return `62220202${String(seed).padStart(6, '0')}${String(index).padStart(2, '0')}7741`;
}
