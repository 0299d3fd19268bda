/**
 * Temporal did not answer: whether the request took effect is not known. It stands by itself, so that whoever only has
 * to know it does not load the SDK.
 */
export class TemporalUnavailableError extends Error {
  override readonly name = 'TemporalUnavailableError';
}
