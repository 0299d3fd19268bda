import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands before a server, so that a client can lose its connections with it while both live. */
export interface ConnectionGate {
  /** Host and port. */
  readonly address: string;
  /** Ends the connections that stand; new ones are let through. */
  cut(): void;
  close(): Promise<void>;
}

export async function startConnectionGate(targetAddress: string): Promise<ConnectionGate> {
  const [host = '', port = ''] = targetAddress.split(':');
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
