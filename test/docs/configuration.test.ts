import { existsSync, readFileSync } from 'node:fs';
import { readConfig } from '../../src/config/config.js';
import { VARIABLE_NAMES, VARIABLES, type Variable, type VariableName } from '../../src/config/variables.js';

const ROOT = new URL('../../', import.meta.url);
const example = readFileSync(new URL('.env.example', ROOT), 'utf8');

/** What .env.example says of the values of a variable, below what it is for. */
function valuesOf(name: VariableName): string {
  const variable: Variable = VARIABLES[name];
  const defaultText = variable.default === undefined ? 'No default.' : `Default: ${variable.default}`;
  return `# Value: ${variable.form}. ${defaultText}\n#${name}=${variable.default ?? ''}`;
}

describe('.env.example', () => {
  const paragraphs = example.trimEnd().split('\n\n');

  it.each(VARIABLE_NAMES)('says what %s is for, its values and its default', (name) => {
    const paragraph = paragraphs.find((one) => one.endsWith(`\n${valuesOf(name)}`));
    expect(paragraph).toMatch(/^# [A-Z].*\.\n# Value: /);
  });

  it('names no variable that does not exist', () => {
    const named = [...example.matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name);
    expect(named).toEqual(VARIABLE_NAMES);
  });

  it('works as an .env file as it is', () => {
    const active = example.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(active).toEqual([]);
  });
});

describe('the table of variables', () => {
  it.each(VARIABLE_NAMES.filter((name) => 'default' in VARIABLES[name]))(
    'gives %s a default that is a good value',
    (name) => {
      const { default: value } = VARIABLES[name] as Variable;
      expect(() => readConfig({ [name]: value }, 'start')).not.toThrow();
    },
  );

  it('shows no default for a secret', () => {
    const secretsWithDefault = VARIABLE_NAMES.filter((name) => {
      const variable: Variable = VARIABLES[name];
      return variable.secret === true && variable.default !== undefined;
    });
    expect(secretsWithDefault).toEqual([]);
  });
});

describe('README.md', () => {
  const readme = new URL('README.md', ROOT);
  const prefixes = ['QBITPAY_', 'TEMPORAL_', 'PAYOUTS_', 'DATABASE_', 'SIMULATOR_', 'DEPOSIT_', 'RETRY_'];
  const words = existsSync(readme)
    ? (readFileSync(readme, 'utf8').match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? [])
    : [];
  const variables = words.filter((word) => prefixes.some((prefix) => word.startsWith(prefix)));

  it('names only variables that exist', () => {
    const unknown = variables.filter((word) => !VARIABLE_NAMES.some((name) => name === word));
    expect(unknown).toEqual([]);
  });
});
