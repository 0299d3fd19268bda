import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { createSelfSignedCertificate } from '../unit/qbitpay/self-signed-certificate.js';

/** A provider behind TLS: what is sent to it goes on, without TLS, to a port of this machine. */
export interface TlsGate {
  readonly url: string;
  /** What its clients have to trust, as a PEM. */
  readonly certificate: string;
  /** The next connection stands, and its handshake waits for the function that this resolves with. */
  holdNextHandshake(): Promise<() => void>;
  close(): Promise<void>;
}

export async function startTlsGate(targetPort: number): Promise<TlsGate> {
  const certificate = createSelfSignedCertificate();
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const tls = createTlsServer(certificate, (secure) => {
    const plain = connect(targetPort, '127.0.0.1');
    [secure, plain].forEach(keep);
    secure.on('close', () => plain.destroy());
    plain.on('close', () => secure.destroy());
    secure.pipe(plain).pipe(secure);
  });
  // Whoever gives up in the middle of a handshake is no failure of the gate.
  tls.on('tlsClientError', () => undefined);
  let held: ((letGo: () => void) => void) | undefined;
  const tcp = createTcpServer((socket) => {
    keep(socket);
    const letGo = (): void => void tls.emit('connection', socket);
    const hold = held;
    held = undefined;
    if (hold === undefined) letGo();
    else hold(letGo);
  });
  const port = await listen(tcp);
  return {
    url: `https://127.0.0.1:${port}`,
    certificate: certificate.cert,
    holdNextHandshake: () => new Promise((resolve) => (held = resolve)),
    close: () =>
      new Promise((resolve) => {
        tcp.close(() => resolve());
        sockets.forEach((socket) => socket.destroy());
      }),
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
