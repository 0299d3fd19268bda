import { parseDecimalJson } from '../../src/qbitpay/decimal-json.js';

/** The simulator over HTTP: its control surface, and the provider's own lists. Numbers come as decimal strings. */
export interface SimulatorClient {
  control(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  /** All of a list, page by page. */
  listAll(path: string): Promise<readonly Record<string, unknown>[]>;
}

/** A size that the engine never asks for: so the journal tells readings of the campaign from the engine's. */
const PAGE = 99;
const OWN_READING = new RegExp(`[?&]limit=${PAGE}(?:&|$)`);
const REQUEST_TIMEOUT_MS = 15_000;
const MAX_PAGES = 300;

/** Whether the campaign itself made this request of the provider's API. */
export function isOwnReading(path: string): boolean {
  return OWN_READING.test(path);
}

/** Under which `externalOrderId` each object was asked for, by the object's id: the provider may show another one. */
export async function readSentIds({ control }: SimulatorClient): Promise<ReadonlyMap<string, string>> {
  const { data } = await control('GET', '/journal?limit=10000');
  const entries = data as { effects: string[]; body: { externalOrderId?: string } | null }[];
  return new Map(
    entries.flatMap(({ effects, body }) => effects.map((id) => [id, body?.externalOrderId ?? ''] as const)),
  );
}

export function createSimulatorClient(url: string, apiKey: string): SimulatorClient {
  const authorization = `Basic ${Buffer.from(`${apiKey}:`).toString('base64')}`;
  const send = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (response.status >= 300) throw new Error(`${method} ${path}: ${new TextDecoder().decode(bytes)}`);
    return parseDecimalJson(bytes) as Record<string, unknown>;
  };
  return {
    control: (method, path, body) => send(method, `/_simulator${path}`, body),
    listAll: async (path) => {
      const all = new Map<unknown, Record<string, unknown>>();
      let cursor = '';
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const { data } = await send('GET', `${path}?limit=${PAGE}${cursor}`);
        const items = data as Record<string, unknown>[];
        // A page may hold fewer than were asked for, and what has been shown already.
        if (items.length === 0) return [...all.values()];
        for (const item of items) all.set(item['id'], item);
        cursor = `&starting_after=${String(items.at(-1)?.['id'])}`;
      }
      throw new Error(`${path} has more than ${MAX_PAGES} pages`);
    },
  };
}
