import {
  FAILURE_KIND,
  FAILURE_TYPE,
  FAILURE_TYPES,
  FAILURES,
  failureTypesOfKind,
  isFailureType,
} from '../../../src/domain/failure-type.js';

test('a failure type is its own name: the word in the store, in the API and in histories', () => {
  for (const [name, word] of Object.entries(FAILURE_TYPE)) expect(word).toBe(name);
  expect(Object.keys(FAILURES).sort()).toEqual([...FAILURE_TYPES].sort());
});

test('the kinds of failure are these words', () => {
  for (const [name, word] of Object.entries(FAILURE_KIND)) expect(word).toBe(name.toLowerCase());
});

test('every failure type is of exactly one kind', () => {
  const listed = Object.values(FAILURE_KIND).flatMap((kind) => failureTypesOfKind(kind));
  expect([...listed].sort()).toEqual([...FAILURE_TYPES].sort());
  for (const kind of Object.values(FAILURE_KIND)) {
    for (const type of failureTypesOfKind(kind)) expect(FAILURES[type].kind).toBe(kind);
  }
});

test('a type that says nothing about itself is not in the table', () => {
  for (const type of FAILURE_TYPES) {
    expect(FAILURES[type].meaning).toMatch(/^\S.*\.$/);
    expect(FAILURES[type].action).toMatch(/^\S.*\.$/);
  }
});

test.each(FAILURE_TYPES)('%s is a failure type', (word) => {
  expect(isFailureType(word)).toBe(true);
});

test.each(['', 'paid', 'price_moved', 'PRICE_MOVED ', 'toString', 'constructor', '__proto__'])(
  '%j is none',
  (word) => {
    expect(isFailureType(word)).toBe(false);
  },
);
