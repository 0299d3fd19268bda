import { destinationView } from './destination.js';
import { exactNumber } from './exact-json.js';
import type * as records from './records.js';
import type { Settings } from './settings.js';

/** Records as the wire shows them: one function per object of the contract, members in the order of its examples. */

export function accountView({ feeRates, payoutLimit, wallets }: Settings): object {
  const min = { currency: 'USDT', min: exactNumber('200') };
  return {
    feeRates: ratesView(feeRates),
    limit: {
      pay: { currency: 'USDT', min: exactNumber('5'), max: exactNumber('10000') },
      payout: limitView(payoutLimit),
      withdrawToken: min,
    },
    wallets,
  };
}

export function balanceView({ id, balanceId, available, pending }: records.BalanceRecord): object {
  return {
    id: balanceId,
    object: 'balance',
    currency: id,
    available: exactNumber(available),
    pending: exactNumber(pending),
  };
}

export function balanceTransactionView(transaction: records.BalanceTransactionRecord): object {
  const { id, currency, amount, availableOn, createdAt, type, source, status, description } = transaction;
  return {
    id,
    object: 'balanceTransaction',
    currency,
    amount: exactNumber(amount),
    availableOn,
    createdAt,
    type,
    source,
    status,
    description,
    fee: exactNumber(transaction.fee),
    net: exactNumber(transaction.net),
  };
}

export function orderView({ id, createdAt, symbol, side, ...order }: records.OrderRecord): object {
  return {
    id,
    object: 'order',
    createdAt,
    symbol,
    side,
    type: 'market',
    amount: exactNumber(order.amount),
    price: exactNumber(order.price),
    quoteAmount: exactNumber(order.quoteAmount),
    fee: exactNumber(order.fee),
    status: order.status,
    externalOrderId: order.externalOrderId,
  };
}

export function payoutView(payout: records.PayoutRecord): object {
  return {
    id: payout.id,
    object: 'payout',
    createdAt: payout.createdAt,
    amount: exactNumber(payout.amount),
    fee: exactNumber(payout.fee),
    currency: payout.currency,
    description: payout.description,
    status: payout.status,
    type: payout.destination['type'],
    arrivalDate: payout.arrivalDate,
    externalOrderId: payout.externalOrderId,
    destination: destinationView(payout.destinationId, payout.destination),
  };
}

/** A payout as the API claims it to be; its events, like its money, keep to the truth. */
export function shownPayout(payout: records.PayoutRecord): records.PayoutRecord {
  return { ...payout, ...payout.shown };
}

/** The shape of a deposit notice; the contract publishes none [I]. */
export function depositView(deposit: records.DepositRecord): object {
  const { id, currency, amount, addr, txHash, confirmations, status, createdAt } = deposit;
  return {
    id,
    object: 'deposit',
    currency,
    amount: exactNumber(amount),
    addr,
    txHash,
    confirmations,
    status,
    createdAt,
  };
}

export function chargeView({ id, createdAt, status, amount, ...charge }: records.ChargeRecord): object {
  return {
    id,
    object: 'charge',
    createdAt,
    paid: status === 'closed',
    status,
    amount: exactNumber(amount),
    currency: charge.currency,
    externalOrderId: charge.externalOrderId,
  };
}

/** The settings in force; the API key is none of them. */
export function settingsView(settings: Settings): object {
  const { payoutFee, deliverLess } = settings;
  return {
    ...settings,
    id: undefined,
    payoutFee: payoutFee === null ? null : exactNumber(payoutFee),
    deliverLess: deliverLess === null ? null : exactNumber(deliverLess),
    feeRates: ratesView(settings.feeRates),
    payoutLimit: limitView(settings.payoutLimit),
    symbols: symbolsView(settings),
  };
}

export function symbolsView({ symbols }: Settings): object[] {
  return symbols.map(({ symbol, bid, ask }) => ({ symbol, bid: exactNumber(bid), ask: exactNumber(ask) }));
}

function limitView({ currency, min }: Settings['payoutLimit']): object {
  return { currency, min: exactNumber(min) };
}

function ratesView(rates: Settings['feeRates']): object {
  return Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, exactNumber(rate)]));
}
