import { createServer } from 'node:net';
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
 * @throws PortUnavailableError "port 8080 is taken: set PORT to another one"
 */
export async function choosePort({ variable, wanted, host = '127.0.0.1' }: PortChoice): Promise<number> {
  if (wanted === undefined || wanted === 0) return getPort({ host });
  const obstacle = await tryToListen(wanted, host);
  if (obstacle === undefined) return wanted;
  const reason = obstacle === 'EADDRINUSE' ? 'is taken' : `cannot be listened on at ${host} (${obstacle})`;
  throw new PortUnavailableError(`port ${wanted} ${reason}: set ${variable} to another one`);
}

async function tryToListen(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === undefined) reject(error);
      else resolve(error.code);
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
