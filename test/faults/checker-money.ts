import { addAmounts, compareAmounts } from '../../src/domain/money.js';
import { isEnd, type Finding, type StoreAccount, type World } from './world.js';

type Money = Pick<World, 'provider' | 'store'>;

/** Ledger, store and the provider's balances, per currency and per object, to the last digit. */
export function* findMoneyDifferences(world: Money): Iterable<Finding> {
  yield* compareBalances(world);
  yield* compareLedger(world);
  yield* compareAttempts(world);
  yield* compareOrders(world);
  yield* compareDeposits(world);
}

const isSame = (one: string, other: string): boolean => compareAmounts(one, other) === 0;
const sum = (accounts: readonly StoreAccount[]): string =>
  addAmounts('0', ...accounts.map(({ balance }) => balance));

function* compareBalances({ provider, store }: Money): Iterable<Finding> {
  const currencies = new Set([...provider.balances, ...store.accounts].map(({ currency }) => currency));
  for (const currency of currencies) {
    const ledger = sum(store.accounts.filter((one) => one.kind === 'provider' && one.currency === currency));
    const held = provider.balances.find((balance) => balance.currency === currency)?.amount ?? '0';
    // What a request moved whose answer was lost is in the ledger as well: the engine has looked it up by now.
    if (!isSame(ledger, held)) yield [currency, `the ledger has ${ledger}, the provider has ${held}`];
  }
}

/** Accounts that say where money is; all others say whose it is. */
const WHERE_KINDS: readonly string[] = ['provider', 'return_pending', 'missing'];

function* compareLedger({ store }: Money): Iterable<Finding> {
  for (const { kind, currency, payoutId, owner, balance, posted } of store.accounts) {
    const name = `${kind} ${payoutId ?? owner ?? ''} ${currency}`;
    if (!isSame(balance, posted)) yield [name, `shows ${balance}, its postings add up to ${posted}`];
    const payout = store.payouts.find((one) => one.payoutId === payoutId);
    const isOver = payout !== undefined && isEnd(payout.status);
    if (isOver && !isSame(balance, '0')) yield [name, `${payout.status}, and still has ${balance}`];
    if (kind === 'owed' && compareAmounts(balance, '0') < 0 && !isReopened(store))
      yield [name, `${balance} is owed by an owner, and no payout was carried out after its end`];
    if (kind === 'return_pending' && !isSame(balance, '0')) yield [name, `${balance} never came back`];
  }
  for (const currency of new Set(store.accounts.map((one) => one.currency))) {
    const own = store.accounts.filter((one) => one.currency === currency);
    const where = sum(own.filter(({ kind }) => WHERE_KINDS.includes(kind)));
    const whose = sum(own.filter(({ kind }) => !WHERE_KINDS.includes(kind)));
    if (!isSame(where, whose)) yield [currency, `${where} is somewhere, ${whose} is somebody's`];
  }
}

/** QbitPay carried a payout out that had ended. */
function isReopened({ payouts, transitions }: Money['store']): boolean {
  return payouts.some(({ payoutId, status }) =>
    transitions.some((one) => one.payoutId === payoutId && isEnd(one.status) && one.status !== status),
  );
}

function* compareAttempts({ provider, store }: Money): Iterable<Finding> {
  for (const { externalOrderId, providerPayoutId, amount, fee } of store.attempts) {
    const payout = provider.payouts.find(({ id }) => id === providerPayoutId);
    if (payout === undefined) yield [externalOrderId, `${providerPayoutId} is not at the provider`];
    else if (payout.externalOrderId !== externalOrderId)
      yield [externalOrderId, 'is another payout at the provider'];
    else if (!isSame(payout.amount, amount) || !isSame(payout.fee, fee))
      yield [externalOrderId, `booked ${amount} and ${fee}, taken were ${payout.amount} and ${payout.fee}`];
  }
}

function* compareOrders({ provider, store }: Money): Iterable<Finding> {
  for (const { externalOrderId, providerOrderId, amount, quoteAmount } of store.orders) {
    const order = provider.orders.find(({ id }) => id === providerOrderId);
    if (order === undefined) yield [externalOrderId, `${providerOrderId} is not at the provider`];
    else if (!isSame(order.amount, amount) || !isSame(order.quoteAmount, quoteAmount)) {
      const done = `${order.amount} for ${order.quoteAmount}`;
      yield [externalOrderId, `booked ${amount} for ${quoteAmount}, done were ${done}`];
    }
  }
}

function* compareDeposits(world: Money): Iterable<Finding> {
  const { provider, store } = world;
  for (const { depositKey, providerDepositId, amount } of store.deposits) {
    const money = provider.transactions.find(
      (one) => one.type === 'deposit' && one.source === providerDepositId,
    );
    if (money !== undefined && !isSame(money.net, amount))
      yield [depositKey, `booked ${amount}, ${money.net} came in`];
  }
  const sources = store.deposits.map(({ providerDepositId }) => providerDepositId);
  const twice = sources.filter((source, index) => source !== null && sources.indexOf(source) !== index);
  for (const source of twice) yield [String(source), 'is in the store twice'];
  for (const id of findLostDeposits(world)) yield [id, 'came in, and is not in the store'];
}

/** Money that came in after the engine had begun, and that it never noticed. */
export function findLostDeposits({ provider, store }: Money): readonly string[] {
  const deposits = provider.transactions.filter(({ type }) => type === 'deposit');
  const [opening] = [...deposits].sort((one, other) => one.createdAtMs - other.createdAtMs);
  const known = new Set(store.deposits.map(({ providerDepositId }) => providerDepositId));
  return deposits
    .filter(({ source }) => source !== opening?.source && !known.has(source))
    .map(({ source }) => source);
}
