import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VARIABLE_NAMES } from '../../src/config/variables.js';
import { DISCREPANCY_KINDS } from '../../src/domain/reconciliation.js';
import { BRAKE_KINDS } from '../../src/domain/brake.js';
import { FAILURE_TYPES } from '../../src/domain/failure-type.js';
import { isFinalStatus, LEGAL_TRANSITIONS, PAYOUT_STATUSES } from '../../src/domain/payout-status.js';
import { SEARCH_ATTRIBUTES } from '../../src/domain/search-attributes.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const readme = read('README.md');
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** The text under a heading, up to the next one of the same depth. */
function sectionOf(text: string, heading: string): string {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`there is no section "${heading}"`);
  return section;
}

describe('the paths that pages name', () => {
  it('are all there in the table of the README, and the rooms all in the table', () => {
    const rows = sectionOf(readme, 'Find your way').match(/^\| \[.*$/gm) ?? [];
    const paths = rows.map((row) => /\]\(([^)]+)\)/.exec(row)?.[1] ?? row);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    const rooms = readdirSync(join(ROOT, 'src')).map((room) => `src/${room}`);
    expect(paths).toEqual(expect.arrayContaining([...rooms, 'workflows', 'activities', 'scripts', 'test']));
  });

  it.each(PAGES)('are there for every link of %s', (page) => {
    const targets = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(
      ([, target = '']) => normalize(join(dirname(page), target)),
    );
    expect(targets.filter((target) => !existsSync(join(ROOT, target)))).toEqual([]);
  });
});

describe('the commands that pages name', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

  it.each(PAGES)('are scripts of package.json in %s', (page) => {
    const named = [...read(page).matchAll(/npm (?:run ([a-z:]+)|(start|test)\b)/g)].map(
      ([, script, short]) => script ?? short ?? '',
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

describe('the upper-case words of pages', () => {
  const TEST_SERVERS = ['TEST_POSTGRES_URL', 'TEST_TEMPORAL_ADDRESS'];
  /** Temporal's, a file's, a shell variable's, a proof's; problem codes of the API. */
  const OTHERS = [
    'REQUEST_CONFLICT',
    'IN_TRANSIT',
    'REFUSAL_WAIT',
    'SPREAD_SECONDS',
    'STATE_DIRECTORY',
    'NEW_KEY',
    'CANCEL_REFUSED',
    'PAYOUT_ENDED',
    ...TEST_SERVERS,
  ];
  const known = new Set<string>([
    ...VARIABLE_NAMES,
    ...FAILURE_TYPES,
    ...DISCREPANCY_KINDS,
    ...BRAKE_KINDS,
    ...OTHERS,
  ]);

  it.each(PAGES)('are variables, failure types or kinds of discrepancies that exist in %s', (page) => {
    const words = read(page).match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g) ?? [];
    expect(words.filter((word) => !known.has(word))).toEqual([]);
  });

  it('name every variable once in the configuration table of the README', () => {
    const rows = sectionOf(readme, 'Configuration').match(/^\| .*`.*$/gm) ?? [];
    const named = [...rows.join('\n').matchAll(/`([A-Z0-9_]+)`/g)].map(([, name = '']) => name);
    expect(named.sort()).toEqual([...VARIABLE_NAMES].sort());
  });
});

describe('the lifecycle', () => {
  const diagram = /```mermaid\nstateDiagram-v2\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const arrows = diagram
    .trim()
    .split('\n')
    .map((line) => {
      const [, from, to] = /^\s*(\S+) --> (\S+)(?: : .+)?$/.exec(line) ?? [];
      return `${from ?? line} --> ${to ?? '?'}`;
    });

  it('is drawn in the README with exactly the legal transitions', () => {
    const legal = PAYOUT_STATUSES.flatMap((from) => LEGAL_TRANSITIONS[from].map((to) => `${from} --> ${to}`));
    const ends = PAYOUT_STATUSES.filter(isFinalStatus).map((status) => `${status} --> [*]`);
    expect(arrows.sort()).toEqual(['[*] --> opening', ...legal, ...ends].sort());
  });

  it('has a chapter for every status in docs/payout-lifecycle.md', () => {
    const headings = [...read('docs/payout-lifecycle.md').matchAll(/^### `(\w+)`$/gm)].map(
      ([, name]) => name,
    );
    expect(headings).toEqual(PAYOUT_STATUSES);
  });
});

test('docs/operations.md names every search attribute', () => {
  const page = read('docs/operations.md');
  expect(Object.keys(SEARCH_ATTRIBUTES).filter((name) => !page.includes(name))).toEqual([]);
});
