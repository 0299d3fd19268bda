import { setTimeout as delay } from 'node:timers/promises';
import { isGrpcServiceError, type Client } from '@temporalio/client';
import { SEARCH_ATTRIBUTES, type SearchAttributeName } from '../domain/search-attributes.js';

export type SearchAttributeSetup =
  | { readonly kind: 'complete'; readonly registered: readonly string[] }
  /** The server, such as Temporal Cloud, lets nobody look or register this way. */
  | { readonly kind: 'notChecked' };

export class MissingSearchAttributesError extends Error {
  override readonly name = 'MissingSearchAttributesError';

  constructor(names: readonly SearchAttributeName[], reason: string) {
    const commands = names.map((name) => `--name ${name} --type ${SEARCH_ATTRIBUTES[name]}`).join(' ');
    super(
      `Temporal lacks search attributes (${reason}): ` +
        `register them with "temporal operator search-attribute create ${commands}"`,
    );
  }
}

const VISIBLE_TIMEOUT_MS = 30_000;
const VISIBLE_POLL_MS = 250;

/**
 * Registers the engine's search attributes where the namespace lacks them. A workflow that sets an unregistered one is
 * retried for ever, so that they are checked before any runs.
 * @throws MissingSearchAttributesError when they cannot be registered, or have another type
 */
export async function ensureSearchAttributes(
  client: Client,
  namespace: string,
): Promise<SearchAttributeSetup> {
  let missing: SearchAttributeName[];
  try {
    missing = await findMissing(client, namespace);
  } catch (error) {
    if (isWithoutOperatorService(error)) return { kind: 'notChecked' };
    throw error;
  }
  if (missing.length === 0) return { kind: 'complete', registered: [] };
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, typeCodeOf(name)]));
  try {
    await client.connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    throw new MissingSearchAttributesError(missing, error instanceof Error ? error.message : 'refused');
  }
  for (const deadline = Date.now() + VISIBLE_TIMEOUT_MS; Date.now() < deadline;) {
    if ((await findMissing(client, namespace)).length === 0) return { kind: 'complete', registered: missing };
    await delay(VISIBLE_POLL_MS);
  }
  throw new MissingSearchAttributesError(missing, 'they did not become visible in time');
}

function isWithoutOperatorService(error: unknown): boolean {
  return (
    isGrpcServiceError(error) && [7 /* permission denied */, 12 /* unimplemented */].includes(error.code)
  );
}

/** Temporal's `IndexedValueType`, as its API numbers it. */
function typeCodeOf(name: SearchAttributeName): number {
  return { Keyword: 2, Double: 4 }[SEARCH_ATTRIBUTES[name]];
}

async function findMissing(client: Client, namespace: string): Promise<SearchAttributeName[]> {
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace });
  const registered = new Map<string, number>(Object.entries(customAttributes));
  const names = Object.keys(SEARCH_ATTRIBUTES) as SearchAttributeName[];
  const wrong = names.filter((name) => registered.has(name) && registered.get(name) !== typeCodeOf(name));
  if (wrong.length > 0) throw new MissingSearchAttributesError(wrong, 'they exist with another type');
  return names.filter((name) => !registered.has(name));
}
