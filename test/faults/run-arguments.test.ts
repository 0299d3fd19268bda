import { readRunArguments } from './run-arguments.js';

const read = (line: string): ReturnType<typeof readRunArguments> =>
  readRunArguments(line.split(' ').filter(Boolean));

test.each([
  ['--seed 1.5', /--seed takes a whole number/],
  ['--seed 0', /--seed takes a whole number/],
  ['--seed=-3', /--seed takes a whole number/],
  ['--seed seventeen', /--seed takes a whole number/],
  ['--seeds 0', /--seeds takes a whole number/],
  ['--seeds 1e3', /--seeds takes a whole number/],
  ['--lanes 0', /--lanes takes a whole number/],
  ['--lanes two', /--lanes takes a whole number/],
  ['--baseline 0', /--baseline takes a whole number/],
  ['--seeds 3 --baseline 4', /there are 3/],
  ['--seed 3 --seeds 4', /exclude each other/],
  ['--sed 3', /sed/],
])('%s is refused', (line, problem) => {
  expect(() => read(line)).toThrow(problem);
});

test('seeds are what was asked for', () => {
  expect(read('--seed 17 --seed 3')).toMatchObject({ seeds: [17, 3], lanes: 1, withBugs: false });
  expect(read('')).toMatchObject({ seeds: null, seedCount: 5 });
  expect(read('--seeds 100 --lanes 4')).toMatchObject({ seeds: null, seedCount: 100, lanes: 4 });
});

test('planted mistakes alone need no seeds; a baseline does', () => {
  expect(read('--bugs').seeds).toEqual([]);
  expect(read('--bugs --baseline 2')).toMatchObject({ seeds: null, seedCount: 5, baselineSeeds: 2 });
});
