import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  assertNodeVersion,
  isBuildCurrent,
  isInstallCurrent,
  prepareProject,
} from '../../../scripts/install.mjs';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'qbitpay-payouts-scripts-'));
});
afterEach(() => rm(root, { recursive: true }));

test.each(['20.19.0', '20.20.2', '22.0.0', '100.1.0'])('Node %s will do', (version) => {
  expect(() => assertNodeVersion(version)).not.toThrow();
});

test.each(['18.20.8', '20.18.9', '9.99.0'])('Node %s is refused with both versions named', (version) => {
  expect(() => assertNodeVersion(version)).toThrow(
    `Node 20.19 or newer is needed, and this is Node ${version}.`,
  );
});

describe('the dependencies', () => {
  const pg = { version: '8.0.0', integrity: 'sha512-a' };
  const darwin = { version: '1.0.0', integrity: 'sha512-b', optional: true };
  const wanted = { '': { version: '0.1.0' }, 'node_modules/pg': pg, 'node_modules/darwin-only': darwin };

  async function isCurrent(installed: object | undefined): Promise<boolean> {
    await mkdir(join(root, 'node_modules'));
    await writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages: wanted }));
    if (installed) {
      const record = join(root, 'node_modules', '.package-lock.json');
      await writeFile(record, JSON.stringify({ packages: installed }));
    }
    return isInstallCurrent(root);
  }

  test('are current when npm installed what the lock file asks for', async () => {
    expect(await isCurrent({ 'node_modules/pg': pg, 'node_modules/darwin-only': darwin })).toBe(true);
  });
  test('are current without an optional package that does not fit here', async () => {
    expect(await isCurrent({ 'node_modules/pg': pg })).toBe(true);
  });
  test('are stale after an install that did not finish', async () => {
    expect(await isCurrent(undefined)).toBe(false);
  });
  test('are stale when the lock file asks for another version', async () => {
    expect(await isCurrent({ 'node_modules/pg': { ...pg, version: '7.9.9' } })).toBe(false);
  });
  test('are stale when a package is missing', async () => {
    expect(await isCurrent({ 'node_modules/darwin-only': darwin })).toBe(false);
  });
});

test('the build is repeated after a source was changed, added or removed, and only then', async () => {
  await writeFile(join(root, 'package-lock.json'), '{"packages":{}}');
  await mkdir(join(root, 'node_modules'));
  await writeFile(join(root, 'node_modules', '.package-lock.json'), '{"packages":{}}');
  await mkdir(join(root, 'src', 'deep'), { recursive: true });
  await writeFile(join(root, 'src', 'deep', 'a.ts'), 'a');
  const count = `require('node:fs').mkdirSync('dist', { recursive: true }); console.log('built')`;
  const build = `node -e "${count}"`;
  await writeFile(join(root, 'package.json'), JSON.stringify({ scripts: { build } }));

  const said: string[] = [];
  const prepare = (): Promise<void> => prepareProject({ root, say: (line) => void said.push(line) });
  expect(isBuildCurrent(root)).toBe(false);
  await prepare();
  await prepare();
  expect(said).toEqual(['Building …']);
  expect(isBuildCurrent(root)).toBe(true);
  await writeFile(join(root, 'src', 'deep', 'a.ts'), 'longer');
  expect(isBuildCurrent(root)).toBe(false);
  await prepare();
  await rm(join(root, 'src', 'deep', 'a.ts'));
  expect(isBuildCurrent(root)).toBe(false);
});

test('a build that fails is reported with what it said, and tried again', async () => {
  await writeFile(join(root, 'package-lock.json'), '{"packages":{}}');
  await mkdir(join(root, 'node_modules'));
  await writeFile(join(root, 'node_modules', '.package-lock.json'), '{"packages":{}}');
  const build = `node -e "console.log('src/a.ts: no such type'); process.exit(2)"`;
  await writeFile(join(root, 'package.json'), JSON.stringify({ scripts: { build } }));
  const preparing = prepareProject({ root, say: () => undefined });
  await expect(preparing).rejects.toThrow(/no such type[^]*The build failed \(exit code 2\)/);
  expect(isBuildCurrent(root)).toBe(false);
});
