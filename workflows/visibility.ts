import { setCurrentDetails, sleep, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { SEARCH_ATTRIBUTES, type SearchAttributeName } from '../src/domain/search-attributes.js';

type SearchAttributeValues = { readonly [Name in SearchAttributeName]?: string | number | null };
type UpdatePairs = Extract<Parameters<typeof upsertSearchAttributes>[0], readonly unknown[]>;

/**
 * Writes what differs from what the Temporal UI shows already: every upsert is an event of the history, so
 * that nothing is written twice. `null` takes an attribute away.
 */
export function createPublisher(): (values: SearchAttributeValues, details: string) => void {
  const shown = new Map<string, string | number | null>();
  const { typedSearchAttributes } = workflowInfo();
  for (const name of Object.keys(SEARCH_ATTRIBUTES) as SearchAttributeName[]) {
    shown.set(name, typedSearchAttributes.get(keyOf(name)) ?? null);
  }
  return (values, details) => {
    const changed = Object.entries(values).filter(([name, value]) => shown.get(name) !== value);
    for (const [name, value] of changed) shown.set(name, value);
    if (changed.length > 0) {
      const pairs = changed.map(([name, value]) => ({ key: keyOf(name as SearchAttributeName), value }));
      upsertSearchAttributes(pairs as UpdatePairs);
    }
    setCurrentDetails(details);
  };
}

function keyOf(name: SearchAttributeName): { name: string; type: 'KEYWORD' | 'DOUBLE' } {
  return { name, type: SEARCH_ATTRIBUTES[name] === 'Keyword' ? 'KEYWORD' : 'DOUBLE' };
}

/**
 * Waits for ever. The open timer is what the event history of the Temporal UI shows on its last line: why a
 * person is needed. Ends with the cancellation of its scope.
 */
export async function showAsTimer(summary: string): Promise<never> {
  while (true) await sleep('365 days', { summary });
}
