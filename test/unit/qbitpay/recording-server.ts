import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface RecordedRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Responder = (request: RecordedRequest, response: ServerResponse) => void;

export interface RecordingServer {
  readonly baseUrl: string;
  readonly requests: RecordedRequest[];
  /** What the next requests get. */
  respond: Responder;
  close(): Promise<void>;
}

/** A real HTTP server on a free port that records what came and answers as the test says. */
export async function startRecordingServer(): Promise<RecordingServer> {
  const requests: RecordedRequest[] = [];
  const server = createHttpServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming;
      const request = { method, url, headers, body: Buffer.concat(chunks).toString() };
      requests.push(request);
      recording.respond(request, response);
    });
  });
  const recording: RecordingServer = {
    baseUrl: `http://127.0.0.1:${await listen(server)}`,
    requests,
    respond: (_request, response) => response.writeHead(404).end(),
    async close() {
      server.closeAllConnections();
      await closeServer(server);
    },
  };
  return recording;
}

/** Answers every request with this JSON text, byte for byte. */
export function json(text: string, status = 200, headers: Record<string, string> = {}): Responder {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
  };
}

/** A server below HTTP: for what no HTTP server does. */
export async function startTcpServer(onConnection: (socket: Socket) => void): Promise<{
  port: number;
  close(): Promise<void>;
}> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  return { port: await listen(server), close: () => closeServer(server) };
}

export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Resolves when the last connection has ended. */
export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  await closed;
}
