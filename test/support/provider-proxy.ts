import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo } from 'node:net';
import { choosePort } from '../../src/embedded/choose-port.js';
import type { Json } from './engine-client.js';
import { startTestEngine, type TestEngine, type TestEngineOptions } from './engine.js';

/** Stands between engine and simulator, for what no fault of the simulator can do. */
export interface ProviderProxy {
  /** New connections are refused; those that stand go on. */
  refuseNewConnections(): void;
  /** Nothing gets through, neither by new connections nor by those that stand. */
  cutOff(): void;
  /** Ends the one and the other. */
  letThrough(): Promise<void>;
  /**
   * Changes JSON answers; undefined leaves one as it is, except that a list shows what it holds as that is shown alone. A
   * later call takes the place of an earlier one.
   */
  rewrite(change: ((request: string, body: Json) => Json) | undefined): void;
}

/** A test engine that reaches its simulator through a proxy. */
export async function startEngineBehindProxy(
  options: TestEngineOptions,
): Promise<{ readonly engine: TestEngine; readonly proxy: ProviderProxy }> {
  const simulatorPort = await choosePort({ variable: 'SIMULATOR_PORT' });
  const { proxy, url, close } = await startProviderProxy(simulatorPort);
  const engine = await startTestEngine({
    ...options,
    env: { ...options.env, QBITPAY_BASE_URL: url },
    simulator: { ...options.simulator, port: simulatorPort },
  });
  const stop = async (): Promise<void> => {
    await engine.stop();
    close();
  };
  return { engine: { ...engine, stop }, proxy };
}

export async function startProviderProxy(targetPort: number) {
  let change: ((request: string, body: Json) => Json) | undefined;
  const server = createServer((incoming, outgoing) => {
    passOn(
      incoming,
      outgoing,
      targetPort,
      (request, body) => change && (change(request, body) ?? changeItems(request, body, change)),
    );
  });
  // As the simulator: a busy client must not find closed what it was about to use.
  server.keepAliveTimeout = 72_000;
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const proxy: ProviderProxy = {
    // The method of http.Server would also end connections that are idle.
    refuseNewConnections: () => void NetServer.prototype.close.call(server),
    cutOff: () => {
      server.close();
      server.closeAllConnections();
    },
    letThrough: () => listen(port),
    rewrite: (next) => (change = next),
  };
  return { proxy, url: `http://127.0.0.1:${port}`, close: proxy.cutOff };
}

/** A list of one status holds what is shown in that status. */
function changeItems(request: string, body: Json, change: (request: string, body: Json) => Json): Json {
  if (body?.object !== 'list') return undefined;
  const { searchParams } = new URL(request.slice(request.indexOf(' ') + 1), 'http://provider');
  const status = searchParams.get('status');
  const changed = body.data.map((one: Json) => change(request, one) ?? one);
  // Digits that JSON.parse does not keep stay where nothing is changed.
  if (changed.every((one: Json, index: number) => one === body.data[index])) return undefined;
  const isLeft = (one: Json, index: number): boolean =>
    status === null || one === body.data[index] || one.status === status;
  return { ...body, data: changed.filter(isLeft) };
}

function passOn(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  port: number,
  change: (request: string, body: Json) => Json,
): void {
  const { method = 'GET', url = '/', headers } = incoming;
  const target = forward({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('error', () => outgoing.destroy());
    answer.on('end', () => {
      const body = Buffer.concat(chunks);
      const changed = readJson(body, (json) => change(`${method} ${url}`, json));
      const headersKept = { ...answer.headers };
      delete headersKept['content-length'];
      delete headersKept['transfer-encoding'];
      outgoing.writeHead(answer.statusCode ?? 502, headersKept);
      outgoing.end(changed === undefined ? body : JSON.stringify(changed));
    });
  });
  target.on('error', () => outgoing.destroy());
  incoming.pipe(target);
}

function readJson(body: Buffer, change: (json: Json) => Json): Json {
  try {
    return change(JSON.parse(body.toString('utf8')));
  } catch {
    return undefined;
  }
}
