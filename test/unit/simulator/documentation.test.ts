import { readFileSync } from 'node:fs';
import { FAULT_KINDS } from '../../../src/simulator/faults.js';
import { closeEverything, startClient } from './simulator-fixture.js';

afterEach(closeEverything);

const page = readFileSync(new URL('../../../docs/simulator.md', import.meta.url), 'utf8');

test.each(Object.keys(FAULT_KINDS))('the page explains the fault %s', (kind) => {
  expect(page).toContain(`\`${kind}\``);
});

test('the page explains every setting', async () => {
  const client = await startClient();
  const settings = await client.control<Record<string, unknown>>('GET', '/settings');
  // Latency is shown with the settings and set by a call of its own.
  const names = Object.keys(settings.body).filter((name) => !name.startsWith('latency'));
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
