import { openStore } from '../../dist/src/store/store.js';

/**
 * Carries payouts from their deposit, or from the available balance, to their end, several at a time, as a worker's
 * activities do: run by tests in a process of its own, to be killed in the middle of anything. What the provider
 * would answer is fixed, so that a process that is started again looks up what the one before has sent.
 *
 * Arguments: the database's URL, then the ids of the payouts. Says a line after each step; ends with 0 when all are
 * paid.
 */

const WORKERS = 8;
/** As test-store.ts has the payouts claimed. */
const RUN_ID = 'run-of-the-test';

const [url, ...payoutIds] = process.argv.slice(2);
const store = openStore({ url, onIdleError: () => process.exit(1) });
const reader = store.mirror.asReader(await store.mirror.takeGeneration(), 'balance_transaction');
const said = (text) => process.stdout.write(`${text}\n`);

async function isFunded(payout) {
  const { payoutId } = payout;
  if (payout.funding === 'balance') {
    const { status } = await store.payouts.reserveFunds(payoutId);
    return status !== 'awaiting_balance';
  }
  const { currency, amount } = payout.deposit;
  const depositId = `dep-${payoutId}`;
  const notice = { txHash: `0x${payoutId}`, address: '0xA', currency, amount };
  const transaction = {
    kind: 'transaction',
    providerId: `bt-${payoutId}`,
    externalOrderId: null,
    source: depositId,
    type: 'deposit',
    status: 'available',
    currency,
    amount,
    content: { createdAt: '2100-01-01T00:00:00.000Z' },
    problem: null,
    isOpen: false,
  };
  const page = { objects: [transaction], readAt: await store.mirror.readClock() };
  // One deposit: announced by its two names, and read twice, at the same moment.
  await Promise.all([
    store.deposits.noteDeposit({ ...notice, providerDepositId: depositId }),
    store.deposits.noteDeposit({ ...notice, providerDepositId: null }),
    reader.recordPage('transaction', page),
    reader.recordPage('transaction', page),
  ]);
  said(`deposit ${payoutId}`);
  await reader.settleDeposits();
  said(`allocated ${payoutId}`);
  return true;
}

/** True when the request has left, now or from a process before. */
async function send(payoutId, operation) {
  const id = { operation, externalOrderId: payoutId };
  await store.requests.prepare(payoutId, id, operation);
  const sends = await store.requests.claim(
    id,
    { runId: RUN_ID, seen: { startWish: '0', place: undefined } },
    { amount: '1', currency: 'CNY' },
  );
  said(`${operation} of ${payoutId} ${sends === undefined ? 'left before' : 'leaves'}`);
}

async function sell({ payoutId }) {
  await send(payoutId, 'order');
  const order = {
    externalOrderId: payoutId,
    providerOrderId: `ord-${payoutId}`,
    symbol: 'USDT/CNY',
    amount: '720',
    price: '7',
    quoteAmount: '5040',
    fee: '0',
    status: 'filled',
  };
  await store.requests.accept(payoutId, order);
  await store.requests.recordExecution(payoutId, order);
  said(`sold ${payoutId}`);
}

async function pay({ payoutId }) {
  await send(payoutId, 'payout');
  const payout = {
    externalOrderId: payoutId,
    providerPayoutId: `po-${payoutId}`,
    currency: 'CNY',
    postAmount: '5000.00',
    recipientAmount: '5000.00',
    fee: '25.00',
    status: 'processing',
  };
  await store.requests.accept(payoutId, payout);
  said(`accepted ${payoutId}`);
}

async function settle({ payoutId }) {
  await store.requests.recordSettlement(payoutId, {
    providerPayoutId: `po-${payoutId}`,
    recipientAmount: '5000.00',
    fee: '25.00',
    status: 'paid',
    outcome: { status: 'paid', detail: 'settled' },
  });
  said(`paid ${payoutId}`);
}

async function carry(payoutId) {
  const payout = await store.payouts.getPayout(payoutId);
  if (payout.status === 'paid') return;
  if (!(await isFunded(payout))) throw new Error(`${payoutId} is not served`);
  if (payout.funding === 'deposit') await sell(payout);
  await pay(payout);
  await settle(payout);
}

// Those who are paid from the balance are served in their order only.
for (const payoutId of payoutIds) {
  const { funding } = await store.payouts.getPayout(payoutId);
  if (funding === 'balance') await store.payouts.reserveFunds(payoutId);
}
const queue = payoutIds.values();
const work = async () => {
  for (const payoutId of queue) await carry(payoutId);
};
await Promise.all(Array.from({ length: WORKERS }, work));
await store.close();
