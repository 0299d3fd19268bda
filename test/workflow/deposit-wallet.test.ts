import { startTestEngine, type TestEngine, type TestEngineOptions } from '../support/engine.js';

/** Which of the account's wallets deposits go to. */

const WALLETS = [
  { currency: 'USDT', addr: 'T-first' },
  { currency: 'USDT', addr: 'T-second' },
];

async function withEngine(env: TestEngineOptions['env'], work: (engine: TestEngine) => Promise<void>) {
  const engine = await startTestEngine({ worker: false, ...(env && { env }) });
  try {
    await engine.control('PATCH', '/settings', { wallets: WALLETS });
    await work(engine);
  } finally {
    await engine.stop();
  }
}

test('K51: with two wallets of one currency the start is refused, and says which setting chooses', async () => {
  await withEngine(undefined, async (engine) => {
    await expect(engine.startWorker()).rejects.toThrow(/deposits in USDT .*QBITPAY_DEPOSIT_ADDRESSES/);
  });
  await withEngine({ QBITPAY_DEPOSIT_ADDRESSES: 'USDT:T-third' }, async (engine) => {
    await expect(engine.startWorker()).rejects.toThrow(/QBITPAY_DEPOSIT_ADDRESSES/);
  });
});

test('K51: the one that is chosen is where deposits go', async () => {
  await withEngine({ QBITPAY_DEPOSIT_ADDRESSES: 'USDT:T-second' }, async (engine) => {
    await engine.startWorker();
    expect(await engine.open()).toMatchObject({ deposit: { address: 'T-second' } });
  });
});
