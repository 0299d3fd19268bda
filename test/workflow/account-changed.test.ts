import { payoutRequest, type Json } from '../support/engine-client.js';
import { ORDERS } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';

/** The account that the key reads is known by what it shows: its wallets, and the newest payout. */

const scenario = useScenario();
const { provider } = scenario;

/** The account shows these wallets, made of those that it has. */
function showWallets(change: (wallets: Json[]) => Json[]): void {
  provider.rewrite((request, body) =>
    request.startsWith('GET /api/v1/accounts/show') ? { ...body, wallets: change(body.wallets) } : undefined,
  );
}

async function restartWorker(): Promise<void> {
  await scenario.engine.stopWorker();
  await scenario.engine.startWorker();
}

const engaged = async (): Promise<Json[]> =>
  (await scenario.engine.api('GET', '/v1/brakes?engaged=true')).body.data;

async function release({ brakeId }: Json): Promise<void> {
  await scenario.engine.api('POST', `/v1/brakes/${brakeId}/release`, { reason: 'the key is right again' });
}

test('K14: the key is of another account: nothing leaves until a person has put it right', async () => {
  const payout = await scenario.payout().open();
  await payout.becomes('awaiting_deposit');
  const address = '0x00000000000000000000000000000000000000a1';
  showWallets((wallets) => wallets.map((wallet) => ({ ...wallet, addr: address })));
  await restartWorker();
  const [brake] = await engaged();
  expect(brake).toMatchObject({ kind: 'ACCOUNT_CHANGED', currency: null, engagedBy: 'engine' });
  expect(brake.detail).toContain(address);
  await payout.fund();
  await payout.until(({ holdReason }) => holdReason === 'BRAKE_ENGAGED', 'stopped by the brake');
  expect(await payout.requests(ORDERS)).toEqual([]);
  await provider.heal();
  await restartWorker();
  await release(brake);
  await payout.isPaidOnce();
});

test('seen with the next address that is read as well, and not a second time once it was released', async () => {
  await (await scenario.payout().open()).becomes('awaiting_deposit');
  showWallets((wallets) => wallets.filter(({ currency }) => currency !== 'USDT'));
  const rejected = await scenario.engine.api('POST', '/v1/payouts', payoutRequest());
  expect(rejected.body.code).toBe('NO_DEPOSIT_ADDRESS');
  const [brake] = await engaged();
  expect(brake.detail).toMatch(/USDT .* shows none/);
  await release(brake);
  await restartWorker();
  expect(await engaged()).toEqual([]);
  await provider.heal();
});

test('K60: a wallet for another currency is added: noted, and nothing is stopped', async () => {
  showWallets((wallets) => [
    ...wallets,
    { currency: 'BTC', addr: 'bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq' },
  ]);
  await restartWorker();
  expect(await engaged()).toEqual([]);
});

test('the newest payout is not there: another account, whatever its wallets', async () => {
  const payout = await scenario.payout().funded();
  const { providerPayoutId } = await payout.isPaidOnce();
  await scenario.engine.control('POST', `/payouts/${providerPayoutId}/forget`, {});
  await restartWorker();
  const [brake] = await engaged();
  expect(brake).toMatchObject({ kind: 'ACCOUNT_CHANGED', detail: expect.stringContaining(providerPayoutId) });
  await release(brake);
  await restartWorker();
  expect(await engaged()).toEqual([]);
});
