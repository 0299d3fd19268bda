import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BYTES_SENT, type BytesSent, type Crash } from './crash-points.js';

/** Stands between engine and simulator and sees requests arrive: the moment in which all of their bytes have left. */
export interface ProviderGate {
  readonly url: string;
  /** From now on requests go to this port. */
  route(port: number): void;
  close(): Promise<void>;
}

export interface ProviderGateOptions {
  readonly simulatorPort: number;
  readonly crashes: readonly Crash[];
  /** Ends the sender, which is awaited before the request goes on, or does not; false when it was left alone. */
  readonly onCrash: (crash: Crash) => Promise<boolean>;
}

const POINT_OF_REQUEST: Readonly<Record<string, BytesSent>> = {
  'POST /api/v1/orders': BYTES_SENT.ORDER,
  'POST /api/v1/payouts': BYTES_SENT.PAYOUT,
};

export async function startProviderGate(options: ProviderGateOptions): Promise<ProviderGate> {
  const arrivals = new Map<string, number>();
  let port = options.simulatorPort;
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('error', () => outgoing.destroy());
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const point = POINT_OF_REQUEST[`${incoming.method ?? ''} ${incoming.url ?? ''}`];
      const arrival = (arrivals.get(point ?? '') ?? 0) + 1;
      if (point !== undefined) arrivals.set(point, arrival);
      const crash = options.crashes.find((one) => one.point === point && one.arrival === arrival);
      void serve({ options, port, incoming, outgoing, body: Buffer.concat(chunks), crash });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${own}`,
    route: (to) => (port = to),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Passing {
  readonly options: ProviderGateOptions;
  readonly port: number;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly body: Buffer;
  readonly crash: Crash | undefined;
}

async function serve(passing: Passing): Promise<void> {
  const { options, port, incoming, outgoing, body, crash } = passing;
  if (crash !== undefined) {
    const isStruck = await options.onCrash(crash);
    if (isStruck && !crash.arrives) return void outgoing.destroy();
  }
  const { method = 'GET', url = '/', headers } = incoming;
  const target = { host: '127.0.0.1', port, method, path: url, headers };
  const passed = forward(target, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    // A connection that the simulator cuts is cut here as well.
    answer.on('error', () => outgoing.destroy());
    answer.on('aborted', () => outgoing.destroy());
    answer.pipe(outgoing);
  });
  passed.on('error', () => outgoing.destroy());
  passed.end(body);
}
