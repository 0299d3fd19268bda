import {
  QbitPayError,
  QbitPayIdError,
  QbitPayInvalidRequestError,
  QbitPayProviderError,
} from '../../src/qbitpay/errors.js';

/** Objects that QbitPay may not have. */

/** A payout that is one too many: a single one that cannot be read must not stand in the way of everything else. */
export async function readUnlessFailing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof QbitPayError)) throw error;
    return undefined;
  }
}

/** QbitPay has no such object: it says so itself, not a proxy on the way. */
export function isUnknownId(error: unknown): boolean {
  if (error instanceof QbitPayIdError) return true;
  return error instanceof QbitPayInvalidRequestError && error.hasErrorObject && error.status === 404;
}

/** QbitPay shows the object to somebody else, if it has it: what a webhook names may be no id of ours at all. */
export function isKeptFromUs(error: unknown): boolean {
  return error instanceof QbitPayProviderError && error.hasErrorObject && [400, 403].includes(error.status);
}

/** Undefined where the provider has no such object. */
export async function orNone<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isUnknownId(error)) return undefined;
    throw error;
  }
}
