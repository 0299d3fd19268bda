/** A start that cannot go on, with a message for whoever started it. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
