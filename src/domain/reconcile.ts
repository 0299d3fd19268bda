import {
  isZero,
  subtractNets,
  sumNets,
  type Case,
  type CaseKey,
  type Comparison,
  type CurrencyNet,
  type Deposit,
  type Nets,
  type ShownObject,
  type Transaction,
  type Unshown,
} from './comparison.js';
import { addAmounts, subtractAmounts } from './money.js';
import { BALANCE_TRANSACTION_STATUS, BALANCE_TRANSACTION_TYPE, legOfType } from './provider-status.js';
import { compareNamed } from './reconcile-attempts.js';
import { DISCREPANCY_KIND, type BalanceComparison } from './reconciliation.js';

/**
 * Compares everything that moved money: each payout, order and deposit by its ids, and then the balances, to the last
 * digit. Whatever is reported or under way explains its part of the balances, so that BALANCE_OFF is only what nothing
 * else explains.
 */

/** Compares one case. Unless it is clean, and explains nothing of the balances, the next run compares it again. */
export function compareCase(comparison: Comparison, one: Case): void {
  const countFound = (): number =>
    comparison.discrepancies.length + comparison.inFlight + comparison.outside.length;
  const before = countFound();
  const transactions = one.transactions.filter((transaction) => !comparison.isOfOpening(transaction));
  count(comparison, one);
  reportUnreadable(comparison, one);
  compareKind(comparison, { ...one, transactions });
  if (countFound() > before) comparison.open.push({ kind: one.kind, name: one.name, id: one.id });
}

function compareKind(comparison: Comparison, one: Case): void {
  const { deposit, transactions } = one;
  if (deposit !== null) compareDeposit(comparison, deposit, transactions);
  else if (one.name !== null && (one.attempt !== null || isOfAnother(comparison, one))) {
    compareNamed(comparison, one);
  } else if (one.mayBeOurs) {
    comparison.explain(sumNets(transactions));
    comparison.inFlight += 1;
  } else for (const transaction of transactions) compareStray(comparison, one, transaction);
}

/** What was made before the engine used the account, or is gone, is nobody's any more. */
function isOfAnother({ times }: Comparison, { objects, unreadable }: Case): boolean {
  const isSince = ({ createdAtMs }: ShownObject): boolean =>
    createdAtMs === null || createdAtMs >= times.openedAtMs;
  return objects.some(isSince) || unreadable.length > 0;
}

function count({ compared }: Comparison, { kind, objects, transactions }: Case): void {
  if (kind === 'payout') compared.payouts += objects.length;
  if (kind === 'order') compared.orders += objects.length;
  compared.balanceTransactions += transactions.length;
  compared.deposits += transactions.filter(({ type }) => type === BALANCE_TRANSACTION_TYPE.DEPOSIT).length;
}

function reportUnreadable(comparison: Comparison, { attempt, unreadable }: Case): void {
  for (const { id, kind, externalOrderId, problem, seenAtMs } of unreadable) {
    comparison.report({
      kind: DISCREPANCY_KIND.UNREADABLE_AT_PROVIDER,
      object: kind,
      currency: '',
      payoutId: attempt?.payoutId ?? null,
      externalOrderId,
      providerIds: [id],
      store: null,
      provider: problem,
      sinceMs: seenAtMs,
    });
  }
}

function compareDeposit(
  comparison: Comparison,
  { currency, amount, verifiedAtMs, providerDepositId, hasTransaction, missing }: Deposit,
  transactions: readonly Transaction[],
): void {
  const isAbsent = transactions.length === 0;
  if (isAbsent && !hasTransaction) return;
  const booked = sumNets([{ currency, net: amount }]);
  const shown = sumNets(transactions);
  const off = subtractNets(shown, booked);
  if ([...off.values()].every(isZero)) return;
  if (isAbsent) comparison.unshown.push({ currency, net: off.get(currency) ?? '0', found: null });
  else {
    comparison.explain(off);
    comparison.explain(sumNets([{ currency, net: missing }]));
  }
  if (comparison.isYoung(verifiedAtMs)) {
    comparison.inFlight += 1;
    return;
  }
  comparison.report({
    kind: isAbsent ? DISCREPANCY_KIND.DEPOSIT_MISSING : DISCREPANCY_KIND.AMOUNT_DIFFERS,
    object: 'deposit',
    currency,
    providerIds: providerDepositId === null ? [] : [providerDepositId],
    store: amount,
    provider: shown.get(currency) ?? null,
    sinceMs: verifiedAtMs,
  });
}

/** A transaction that belongs to nothing in the store, and to no `externalOrderId`. */
function compareStray(comparison: Comparison, { kind }: CaseKey, transaction: Transaction): void {
  const { id, type, typeText, currency, net, createdAtMs } = transaction;
  if (isZero(net)) return;
  comparison.explain(sumNets([transaction]));
  if (type === BALANCE_TRANSACTION_TYPE.DEPOSIT) {
    reportUnseen(comparison, transaction);
  } else if (kind === 'transaction' && isAwaitingSource(comparison, transaction)) {
    comparison.inFlight += 1;
  } else {
    comparison.outside.push({ balanceTransactionId: id, type: typeText, currency, net, createdAtMs });
  }
}

/** What a payout or an order moved may be read before it is: only then it is known whose it was. */
function isAwaitingSource(comparison: Comparison, { type, source, seenAtMs }: Transaction): boolean {
  const { syncedAtMs } = comparison.times;
  const isOfObject = source !== null && legOfType(type) !== undefined;
  return isOfObject && (seenAtMs >= syncedAtMs || comparison.isYoung(seenAtMs));
}

function reportUnseen(
  comparison: Comparison,
  { id, source, currency, net, status, seenAtMs }: Transaction,
): void {
  if (status !== BALANCE_TRANSACTION_STATUS.AVAILABLE || comparison.isYoung(seenAtMs)) {
    comparison.inFlight += 1;
    return;
  }
  comparison.report({
    kind: DISCREPANCY_KIND.DEPOSIT_UNSEEN,
    object: 'deposit',
    currency,
    providerIds: [source ?? id],
    store: null,
    provider: net,
    sinceMs: seenAtMs,
  });
}

export interface BalanceSides {
  /** The ledger's provider accounts, of the moment of the comparison. */
  readonly ledger: readonly CurrencyNet[];
  /** Available and pending together, by the mirror's reading. */
  readonly provider: readonly CurrencyNet[];
  /** What moved since that reading or at about its time, the newest first. */
  readonly movedSince: readonly CurrencyNet[];
  /** By currency: since when the balance has been off, by the run before. */
  readonly offSinceMs: ReadonlyMap<string, number>;
}

/** The last step. A balance that is off in one run only was moving: it is reported where it stands for the grace time. */
export function compareBalances(comparison: Comparison, sides: BalanceSides): BalanceComparison[] {
  const [ledgers, shown] = [sumNets(sides.ledger), sumNets(sides.provider)];
  const currencies = new Set([...ledgers.keys(), ...shown.keys(), ...comparison.explained.keys()]);
  return [...currencies].sort().map((currency) => {
    const of = (nets: Nets): string => nets.get(currency) ?? '0';
    const beyondLedger = subtractAmounts(of(shown), of(ledgers));
    const rest = subtractAmounts(beyondLedger, of(comparison.explained));
    const isOf = (one: CurrencyNet): boolean => one.currency === currency;
    const { unmoved, net } = explainRest(
      rest,
      comparison.unshown.filter(isOf),
      sides.movedSince.filter(isOf),
    );
    for (const { found } of unmoved) {
      if (found === null) continue;
      comparison.report(found.discrepancy);
      comparison.open.push(found.key);
    }
    const off = subtractAmounts(rest, net);
    const offSinceMs = isZero(off) ? null : (sides.offSinceMs.get(currency) ?? comparison.times.ranAtMs);
    const amounts = { currency, ledger: of(ledgers), provider: of(shown) };
    reportOff(comparison, amounts, offSinceMs);
    return { ...amounts, explained: subtractAmounts(beyondLedger, off), off, offSinceMs };
  });
}

function reportOff(
  comparison: Comparison,
  { currency, ledger: store, provider }: Pick<BalanceComparison, 'currency' | 'ledger' | 'provider'>,
  sinceMs: number | null,
): void {
  if (sinceMs === null) return;
  if (comparison.isYoung(sinceMs)) comparison.inFlight += 1;
  else {
    const kind = DISCREPANCY_KIND.BALANCE_OFF;
    comparison.report({ kind, object: 'balance', currency, store, provider, sinceMs });
  }
}

/** Of more transactions than this the combinations are not tried. */
const MAX_COMBINED = 10;

interface Explanation {
  readonly unmoved: readonly Unshown[];
  readonly net: string;
}

/**
 * What is left of a balance may be two things. Transactions that the ledger has and QbitPay does not show may not have
 * moved, each for itself; of those that moved at about the time of the reading, it does not have the newest ones. Where
 * nothing of that fits, none of the first and all of the second have moved.
 */
function explainRest(
  rest: string,
  unshown: readonly Unshown[],
  movedSince: readonly CurrencyNet[],
): Explanation {
  const withoutNewest = new Set(['0']);
  let newest = '0';
  for (const { net } of movedSince) withoutNewest.add((newest = subtractAmounts(newest, net)));
  const all = { unmoved: unshown, net: addAmounts('0', ...unshown.map(({ net }) => net)) };
  let choices: Explanation[] = [{ unmoved: [], net: '0' }];
  if (unshown.length > MAX_COMBINED) choices.push(all);
  else {
    for (const one of unshown) {
      const withOne = choices.map(({ unmoved, net }) => {
        return { unmoved: [...unmoved, one], net: addAmounts(net, one.net) };
      });
      choices = [...choices, ...withOne];
    }
  }
  const fitting = choices.find(({ net }) => withoutNewest.has(subtractAmounts(rest, net)));
  return fitting === undefined ? all : { unmoved: fitting.unmoved, net: rest };
}
