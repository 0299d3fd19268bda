import { readFileSync } from 'node:fs';
import { DISCREPANCIES, DISCREPANCY_KINDS } from '../../src/domain/reconciliation.js';

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const chapter = /^## Reconciliation\n([^]*?)(?=^## |$(?![^]))/m.exec(page)?.[1] ?? '';
const [introduction = '', ...sections] = chapter.split(/^### /m);

describe('docs/operations.md, section Reconciliation', () => {
  it('has one section for each kind of discrepancy, in their order', () => {
    expect(sections.map((section) => section.split('\n')[0])).toEqual(DISCREPANCY_KINDS);
  });

  it.each(DISCREPANCY_KINDS)('says of %s what the API and the command say, and then step by step', (kind) => {
    const section = sections.find((one) => one.startsWith(`${kind}\n`)) ?? '';
    const { meaning, action } = DISCREPANCIES[kind];
    expect(section).toContain(`${kind}\n\n${meaning}\n\n**What to do:** ${action}\n\n`);
    expect(section).toMatch(/^\*\*How it comes about:\*\* .+\n\n1\. .+\n2\. /m);
  });

  it.each([
    'npm run reconcile',
    'npm run reconcile -- --json',
    'GET /v1/reconciliation',
    'RECONCILIATION_INTERVAL_SECONDS',
    'RECONCILIATION_GRACE_SECONDS',
    'npm run reconcile -- --full',
    'npm run reconcile -- --dry-run',
  ])('names %s', (word) => {
    expect(introduction).toContain(`\`${word}\``);
  });

  it('describes nothing twice with the same words', () => {
    const meanings = DISCREPANCY_KINDS.map((kind) => DISCREPANCIES[kind].meaning);
    expect(new Set(meanings).size).toBe(meanings.length);
  });
});
