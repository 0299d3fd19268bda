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

/**
 * QbitPay has no such object, or shows it to somebody else: what a webhook names may be no id of it at all. Its own words
 * for that, and no proxy's.
 */
export function isNotShown(error: unknown): boolean {
  if (isUnknownId(error)) return true;
  return error instanceof QbitPayProviderError && error.hasErrorObject && [400, 403].includes(error.status);
}

function isUnknownId(error: unknown): boolean {
  if (error instanceof QbitPayIdError) return true;
  return error instanceof QbitPayInvalidRequestError && error.status === 404;
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
