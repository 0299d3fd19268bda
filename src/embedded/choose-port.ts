import getPort from 'get-port';

/** The port a person asked for cannot be listened on. The message names the port and the variable to change. */
export class PortUnavailableError extends Error {
  override readonly name = 'PortUnavailableError';
}

export interface PortChoice {
  /** The environment variable the port comes from, for the message: `PORT`. */
  readonly variable: string;
  /** Left out or 0: any free port. */
  readonly wanted?: number | undefined;
  /** @default "127.0.0.1" */
  readonly host?: string;
}

/**
 * The wanted port, when it is free on that host; any free one when none is wanted. The port is not held: whoever
 * listens next may still lose it, to another process, and then reports that itself.
 *
 * @throws PortUnavailableError
 */
export async function choosePort({ variable, wanted = 0, host = '127.0.0.1' }: PortChoice): Promise<number> {
  const port = await getPort({ host, port: wanted });
  if (wanted === 0 || port === wanted) return port;
  throw new PortUnavailableError(`port ${wanted} cannot be listened on: set ${variable} to another one`);
}
