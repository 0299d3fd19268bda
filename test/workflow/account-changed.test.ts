import { payoutRequest, type Json } from '../support/engine-client.js';
import { useScenario } from '../support/scenario.js';
import type { ScenarioPayout } from '../support/scenario-payout.js';
import { untilAnswer } from '../support/until-answer.js';

/** The account that the key reads is known by what it shows: its wallets, and the newest payout. */

const scenario = useScenario({ env: { UNKNOWN_OUTCOME_WAIT_SECONDS: '0', ABSENCE_CHECKS: '1' } });
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

/** It shows why it waits, and no address yet. */
async function isKeptFromOpening(): Promise<ScenarioPayout> {
  const payout = scenario.payout();
  const { status } = await scenario.engine.api('POST', '/v1/payouts', payoutRequest({ payoutId: payout.id }));
  expect(status).toBe(202);
  const shown = await payout.until(({ holdReason }) => holdReason === 'ACCOUNT_CHANGED', 'kept from opening');
  expect(shown).toMatchObject({ status: 'opening', deposit: null });
  return payout;
}

test('K14: the key is of another account: nothing leaves, opens or is read until a person has put it right', async () => {
  const payout = await scenario.payout().open();
  await payout.becomes('awaiting_deposit');
  const address = '0x00000000000000000000000000000000000000a1';
  showWallets((wallets) => wallets.map((wallet) => ({ ...wallet, addr: address })));
  await restartWorker();
  const [brake] = await engaged();
  expect(brake).toMatchObject({ kind: 'ACCOUNT_CHANGED', currency: null, engagedBy: 'engine' });
  expect(brake.detail).toContain(address);
  await payout.fund();
  const another = await isKeptFromOpening();
  await untilAnswer(
    async () => (await scenario.engine.api('GET', '/v1/provider')).body.problem,
    (problem) => problem === 'getAccount: QbitPayAnotherAccountError',
    'a sync that reads nothing',
  );
  expect(await payout.shown()).toMatchObject({
    status: 'awaiting_deposit',
    deposit: { received: '0.000000' },
  });
  await provider.heal();
  await release(brake);
  await payout.isPaidOnce();
  await another.becomes('awaiting_deposit');
});

test('what another account does not show is not missing: a deposit stays its payout’s', async () => {
  const { engine } = scenario;
  const payout = await scenario.payout().open();
  await payout.decide('hold');
  const { id } = await engine.fund(await payout.shown());
  await payout.until(({ deposit }) => deposit.missing === '0.000000', 'funded');
  showWallets((wallets) =>
    wallets.map((wallet) => ({ ...wallet, addr: '0x00000000000000000000000000000000000000a2' })),
  );
  await restartWorker();
  await engine.control('POST', `/deposits/${id}/forget`, {});
  await payout.decide('resume');
  await payout.until(({ holdReason }) => holdReason === 'ACCOUNT_CHANGED', 'kept from being sent');
  const brakes = await engaged();
  expect(brakes.map(({ kind }) => kind)).toEqual(['ACCOUNT_CHANGED']);
  await engine.control('POST', `/deposits/${id}/forget`, { forgotten: false });
  await provider.heal();
  await release(brakes[0]);
  await payout.isPaidOnce();
});

test('what another account does not show is no evidence for a person either', async () => {
  const { engine } = scenario;
  const payout = await scenario.payout().inTransit();
  const { providerPayoutId } = await payout.shown();
  await engine.control('POST', `/payouts/${providerPayoutId}/forget`, {});
  await payout.isHeld('STATUS_NOT_KNOWN');
  await engine.control('POST', `/payouts/${providerPayoutId}/forget`, { forgotten: false });
  showWallets((wallets) =>
    wallets.map((wallet) => ({ ...wallet, addr: '0x00000000000000000000000000000000000000a3' })),
  );
  await restartWorker();
  expect(await payout.operate('resolve', { action: 'paid' })).toMatchObject({ status: 503 });
  await provider.heal();
  await release((await engaged())[0]);
  await engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status: 'paid' });
  await payout.becomes('paid');
});

test('seen with the next address that is read as well, and not a second time once it was released', async () => {
  await (await scenario.payout().open()).becomes('awaiting_deposit');
  showWallets((wallets) => wallets.filter(({ currency }) => currency !== 'USDT'));
  const payout = await isKeptFromOpening();
  const [brake] = await engaged();
  expect(brake.detail).toMatch(/USDT .* shows none/);
  await release(brake);
  expect((await payout.becomes('rejected')).failure.type).toBe('NO_DEPOSIT_ADDRESS');
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
