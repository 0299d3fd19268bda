import { readFileSync } from 'node:fs';
import { FAILURE_KIND, FAILURE_TYPES, FAILURES, failureTypesOfKind } from '../../src/domain/failure-type.js';

const page = readFileSync(new URL('../../docs/failure-types.md', import.meta.url), 'utf8');

interface Section {
  readonly heading: string;
  readonly text: string;
}

/** The parts of a text that begin with a heading of this depth. */
function sectionsOf(text: string, depth: number): Section[] {
  const mark = '#'.repeat(depth);
  return text
    .split(new RegExp(`^${mark} `, 'm'))
    .slice(1)
    .map((section) => {
      const [heading = '', ...lines] = section.split('\n');
      return { heading, text: lines.join('\n').trim() };
    });
}

const kinds = sectionsOf(page, 2);

describe('every hold', () => {
  it.each(failureTypesOfKind(FAILURE_KIND.HELD))('%s has a way out', (type) => {
    expect(FAILURES[type].actions).not.toHaveLength(0);
  });

  it.each(FAILURE_TYPES.filter((type) => FAILURES[type].kind !== FAILURE_KIND.HELD))(
    '%s, which holds nothing, offers none',
    (type) => {
      expect(FAILURES[type].actions).toEqual([]);
    },
  );
});

describe('docs/failure-types.md', () => {
  it('has one chapter for each kind of failure', () => {
    expect(kinds.map(({ heading }) => heading)).toEqual(
      Object.values(FAILURE_KIND).map((kind) => `\`${kind}\``),
    );
  });

  it.each(Object.values(FAILURE_KIND))(
    'lists exactly the failure types of kind %s, in the order of the table',
    (kind) => {
      const chapter = kinds.find(({ heading }) => heading === `\`${kind}\``);
      const headings = sectionsOf(chapter?.text ?? '', 3).map(({ heading }) => heading);
      expect(headings).toEqual(failureTypesOfKind(kind));
    },
  );

  it.each(FAILURE_TYPES)('says of %s what the API and the Temporal UI say', (type) => {
    const section = sectionsOf(page, 3).find(({ heading }) => heading === type);
    const { meaning, action, actions } = FAILURES[type];
    const possible = actions.length === 0 ? '' : `\n\n**Possible:** ${actions.join(', ')}`;
    expect(section?.text.split(/\n+## /)[0]).toBe(`${meaning}\n\n**What to do:** ${action}${possible}`);
  });
});
