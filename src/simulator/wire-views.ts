import { destinationView } from './destination.js';
import { exactNumber } from './exact-json.js';
import type {
  BalanceRecord,
  BalanceTransactionRecord,
  ChargeRecord,
  DepositRecord,
  EventRecord,
  OrderRecord,
  PayoutRecord,
  SettingsRecord,
} from './records.js';

/** Records as the wire shows them: one function per object of the contract, members in the order of its examples. */

export function accountView(settings: SettingsRecord): object {
  const { feeRates, payoutLimit, wallets } = settings;
  const min = (amount: string): object => ({ currency: 'USDT', min: exactNumber(amount) });
  return {
    feeRates: {
      payout: exactNumber(feeRates.payout),
      pay: exactNumber(feeRates.pay),
      withdrawToken: exactNumber(feeRates.withdrawToken),
      trade: exactNumber(feeRates.trade),
    },
    limit: {
      pay: { ...min('5'), max: exactNumber('10000') },
      payout: { currency: payoutLimit.currency, min: exactNumber(payoutLimit.min) },
      withdrawToken: min('200'),
    },
    wallets,
  };
}

export function balanceView(balance: BalanceRecord): object {
  return {
    id: balance.balanceId,
    object: 'balance',
    currency: balance.id,
    available: exactNumber(balance.available),
    pending: exactNumber(balance.pending),
  };
}

export function balanceTransactionView(transaction: BalanceTransactionRecord): object {
  const { id, currency, amount, availableOn, createdAt, type, source, status, description, fee, net } =
    transaction;
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
    fee: exactNumber(fee),
    net: exactNumber(net),
  };
}

export function orderView(order: OrderRecord): object {
  return {
    id: order.id,
    object: 'order',
    createdAt: order.createdAt,
    symbol: order.symbol,
    side: order.side,
    type: 'market',
    amount: exactNumber(order.amount),
    price: exactNumber(order.price),
    quoteAmount: exactNumber(order.quoteAmount),
    fee: exactNumber(order.fee),
    status: order.unfilled ?? 'filled',
    externalOrderId: order.externalOrderId,
  };
}

export function payoutView(payout: PayoutRecord): object {
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
export function shownPayout(payout: PayoutRecord): PayoutRecord {
  const { shown } = payout;
  if (shown === undefined) return payout;
  const { amount = payout.amount, fee = payout.fee, status = payout.status } = shown;
  return { ...payout, amount, fee, status };
}

/** The shape of a deposit notice; the contract publishes none [I]. */
export function depositView(deposit: DepositRecord): object {
  return {
    id: deposit.id,
    object: 'deposit',
    currency: deposit.currency,
    amount: exactNumber(deposit.amount),
    addr: deposit.addr,
    txHash: deposit.txHash,
    confirmations: deposit.confirmations,
    status: deposit.status,
    createdAt: deposit.createdAt,
  };
}

export function chargeView(charge: ChargeRecord): object {
  return {
    id: charge.id,
    object: 'charge',
    createdAt: charge.createdAt,
    paid: charge.status === 'closed',
    status: charge.status,
    amount: exactNumber(charge.amount),
    currency: charge.currency,
    externalOrderId: charge.externalOrderId,
  };
}

/** An event as the control surface shows it, with its delivery; the data is what `eventMembers` sends. */
export function eventControlView(event: EventRecord): object {
  return {
    id: event.id,
    type: event.type,
    createdAt: event.createdAt,
    livemode: event.livemode,
    subject: event.subject,
    delivery: event.delivery,
    attempts: event.attempts,
    nextAttemptAt: event.nextAttemptAt === null ? null : new Date(event.nextAttemptAt).toISOString(),
  };
}
