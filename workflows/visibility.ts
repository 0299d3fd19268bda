import {
  defineSearchAttributeKey,
  SearchAttributeType,
  type SearchAttributeUpdatePair,
} from '@temporalio/common';
import { setCurrentDetails, sleep, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { SEARCH_ATTRIBUTES } from '../src/domain/search-attributes.js';
import { type SearchAttributeName } from '../src/domain/search-attributes.js';

type SearchAttributeValues = {
  readonly [Name in SearchAttributeName]?: (typeof SEARCH_ATTRIBUTES)[Name] extends 'Double'
    ? number
    : string | null;
};

/**
 * Writes what differs from what the Temporal UI shows already: every upsert is an event of the history, so
 * that nothing is written twice. `null` takes an attribute away.
 */
export function createPublisher(): (values: SearchAttributeValues, details: string) => void {
  const shown = new Map<string, unknown>();
  for (const { key, value } of workflowInfo().typedSearchAttributes.getAll()) shown.set(key.name, value);
  return (values, details) => {
    const changed = Object.entries(values).filter(([name, value]) => (shown.get(name) ?? null) !== value);
    for (const [name, value] of changed) shown.set(name, value);
    if (changed.length > 0) upsertSearchAttributes(changed.map(([name, value]) => toPair(name, value)));
    setCurrentDetails(details);
  };
}

function toPair(name: string, value: string | number | null): SearchAttributeUpdatePair {
  return typeof value === 'number'
    ? { key: defineSearchAttributeKey(name, SearchAttributeType.DOUBLE), value }
    : { key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD), value };
}

/**
 * Waits for ever. The open timer is what the event history of the Temporal UI shows on its last line: why a
 * person is needed. Ends with the cancellation of its scope.
 */
export async function showAsTimer(summary: string): Promise<never> {
  while (true) await sleep('365 days', { summary });
}
