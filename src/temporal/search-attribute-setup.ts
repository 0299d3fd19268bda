import { setTimeout as delay } from 'node:timers/promises';
import { isGrpcServiceError, type Client } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.js';

/** A workflow that sets an unregistered search attribute is retried for ever, so that they are checked first. */
const VISIBLE_TIMEOUT_MS = 30_000;
const VISIBLE_POLL_MS = 250;

/**
 * Registers the engine's search attributes where the namespace lacks them.
 * @throws MissingSearchAttributesError when they cannot be registered, or have another type
 */
export async function ensureSearchAttributes(
  client: Client,
  namespace: string,
): Promise<SearchAttributeSetup> {
  let missing: Name[];
  try {
    missing = await findMissing(client, namespace);
  } catch (error) {
    if (isWithoutOperatorService(error)) return { kind: 'notChecked' };
    throw error;
  }
  if (missing.length === 0) return { kind: 'complete', registered: [] };
  try {
    await client.connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(
        missing.map((name) => [name, TYPE_CODES[SEARCH_ATTRIBUTES[name]]]),
      ),
    });
  } catch (error) {
    throw new MissingSearchAttributesError(missing, error instanceof Error ? error.message : 'refused');
  }
  for (
    const deadline = Date.now() + VISIBLE_TIMEOUT_MS;
    Date.now() < deadline;
    await delay(VISIBLE_POLL_MS)
  ) {
    if ((await findMissing(client, namespace)).length === 0) return { kind: 'complete', registered: missing };
  }
  throw new MissingSearchAttributesError(missing, 'they did not become visible in time');
}

export type SearchAttributeSetup =
  | { readonly kind: 'complete'; readonly registered: readonly string[] }
  /** The server, such as Temporal Cloud, lets nobody look or register this way. */
  | { readonly kind: 'notChecked' };

const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;

function isWithoutOperatorService(error: unknown): boolean {
  return isGrpcServiceError(error) && [PERMISSION_DENIED, UNIMPLEMENTED].includes(error.code);
}

/** Temporal's `IndexedValueType`, as its API numbers it. */
const TYPE_CODES = { Keyword: 2, Double: 4 } as const;

type Name = keyof typeof SEARCH_ATTRIBUTES;
const NAMES = Object.keys(SEARCH_ATTRIBUTES) as Name[];

async function findMissing(client: Client, namespace: string): Promise<Name[]> {
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace });
  const codes: Readonly<Record<string, number | undefined>> = customAttributes;
  const wrong = NAMES.filter(
    (name) => codes[name] !== undefined && codes[name] !== TYPE_CODES[SEARCH_ATTRIBUTES[name]],
  );
  if (wrong.length > 0) throw new MissingSearchAttributesError(wrong, 'they exist with another type');
  return NAMES.filter((name) => codes[name] === undefined);
}

export class MissingSearchAttributesError extends Error {
  override readonly name = 'MissingSearchAttributesError';

  constructor(names: readonly Name[], reason: string) {
    const commands = names.map((name) => `--name ${name} --type ${SEARCH_ATTRIBUTES[name]}`).join(' ');
    super(
      `Temporal lacks search attributes (${reason}): ` +
        `register them with "temporal operator search-attribute create ${commands}"`,
    );
  }
}
