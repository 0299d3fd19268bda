import type { RuleRecord } from './records.js';
import type { Table } from './table.js';

/** Rules about what comes next; the oldest that matches applies, and is used up by it. */

export function activeRules<R extends RuleRecord>(rules: Table<R>): R[] {
  return [...rules].filter(({ remaining }) => remaining > 0);
}

export function takeRule<R extends RuleRecord>(
  rules: Table<R>,
  matches: (rule: R) => boolean,
): R | undefined {
  const rule = activeRules(rules).find(matches);
  if (rule !== undefined) rules.put({ ...rule, remaining: rule.remaining - 1 });
  return rule;
}

/** Takes back one rule, or all of them; answers how many were still active. */
export function removeRules<R extends RuleRecord>(rules: Table<R>, id?: string): number {
  const removed = activeRules(rules).filter((rule) => id === undefined || rule.id === id);
  for (const rule of removed) rules.put({ ...rule, remaining: 0 });
  return removed.length;
}

/** Whether a value is the one that a rule or filter names; where it names none, every value is. */
export function isWanted(named: unknown, value: unknown): boolean {
  return named === undefined || named === null || named === value;
}
