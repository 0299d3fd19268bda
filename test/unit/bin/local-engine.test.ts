import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeEndpoints, withLocalEngine, writeEndpoints } from '../../../src/bin/local-engine.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'local-engine-'));
});
afterEach(() => rm(directory, { recursive: true }));

const ENDPOINTS = {
  api: 'http://127.0.0.1:3000',
  temporalAddress: '127.0.0.1:7233',
  postgres: 'postgres://postgres@127.0.0.1:5433/payouts',
  simulator: 'http://127.0.0.1:4010',
};

/** As `npm start` leaves it. */
async function publish(endpoints: Record<string, string>): Promise<void> {
  await writeEndpoints(directory, endpoints);
  await writeFile(join(directory, 'postgres-password'), 'the-password\n');
  await writeFile(join(directory, 'simulator-key'), 'the-key\n');
}

describe('a command beside a local engine', () => {
  it('takes the environment as it is where no engine runs', async () => {
    const env = { DATABASE_URL: 'postgres://somewhere/else' };
    expect(await withLocalEngine(env, directory)).toEqual(env);
  });

  it('finds the embedded database, simulator and Temporal, with their secrets', async () => {
    await publish(ENDPOINTS);
    expect(await withLocalEngine({}, directory)).toEqual({
      TEMPORAL_ADDRESS: '127.0.0.1:7233',
      DATABASE_URL: 'postgres://postgres:the-password@127.0.0.1:5433/payouts',
      QBITPAY_BASE_URL: 'http://127.0.0.1:4010',
      QBITPAY_API_KEY: 'the-key',
      QBITPAY_FEE_SIDE: 'added',
      QBITPAY_NETWORKS: 'USDT:TRC20',
    });
  });

  it('lets the environment win, and never mixes a given provider with the key of the embedded one', async () => {
    await publish(ENDPOINTS);
    const env = { QBITPAY_BASE_URL: 'https://api.qbitnetwork.com', TEMPORAL_ADDRESS: 'temporal:7233' };
    expect(await withLocalEngine(env, directory)).toEqual({
      ...env,
      DATABASE_URL: 'postgres://postgres:the-password@127.0.0.1:5433/payouts',
    });
  });

  it('reads no secret of a part that is not embedded', async () => {
    const { api, temporalAddress, postgres } = ENDPOINTS;
    await writeEndpoints(directory, { api, temporalAddress, postgres });
    const env = { DATABASE_URL: 'postgres://engine:secret@database/payouts' };
    expect(await withLocalEngine(env, directory)).toEqual({ ...env, TEMPORAL_ADDRESS: temporalAddress });
  });

  it('is told where to find it by a file of its owner, for as long as it runs', async () => {
    await publish(ENDPOINTS);
    expect((await stat(join(directory, 'endpoints.json'))).mode & 0o777).toBe(0o600);
    await removeEndpoints(directory);
    expect(await withLocalEngine({}, directory)).toEqual({});
  });
});
