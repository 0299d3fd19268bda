import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { sharedServer } from '../support/shared-servers.js';

const UI = 'http://127.0.0.1:8233';

test('each link asks Temporal something that it can answer', async () => {
  const { stdout } = await promisify(execFile)('node', ['scripts/ui-links.mjs', UI]);
  const links = stdout.match(/http\S+/g) ?? [];
  expect(links.length).toBeGreaterThan(5);
  const connection = await Connection.connect({ address: sharedServer('TEST_TEMPORAL_ADDRESS') });
  try {
    const { workflow } = new Client({ connection });
    for (const link of links) {
      expect(link).toMatch(`${UI}/namespaces/default/workflows?query=`);
      const query = new URL(link).searchParams.get('query') ?? '';
      expect(await workflow.count(query)).toMatchObject({ count: expect.any(Number) });
    }
  } finally {
    await connection.close();
  }
});
