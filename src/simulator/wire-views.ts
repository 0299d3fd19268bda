import { destinationView } from './destination.js';
import { exactNumber } from './exact-json.js';
import type * as records from './records.js';
import type { Settings } from './settings.js';

/** Records as the wire shows them: one function per object of the contract. */

export function accountView({ feeRates, payoutLimit, wallets }: Settings): object {
  const pay = { currency: 'USDT', min: '5', max: '10000' };
  const withdrawToken = { currency: 'USDT', min: '200' };
  return exact({ feeRates, limit: { pay, payout: payoutLimit, withdrawToken }, wallets });
}

export function balanceView({ id, balanceId, ...balance }: records.BalanceRecord): object {
  return exact({ id: balanceId, object: 'balance', currency: id, ...balance });
}

export function balanceTransactionView({ id, ...record }: records.BalanceTransactionRecord): object {
  return exact({ id, object: 'balanceTransaction', ...record });
}

export function orderView({ id, ...record }: records.OrderRecord): object {
  return exact({ id, object: 'order', ...record });
}

export function payoutView(payout: records.PayoutRecord): object {
  const { id, createdAt, amount, fee, currency, description, status, arrivalDate, externalOrderId } = payout;
  const start = { id, object: 'payout', createdAt, amount, fee, currency, description, status };
  const destination = destinationView(payout.destinationId, payout.destination);
  return exact({ ...start, type: payout.destination['type'], arrivalDate, externalOrderId, destination });
}

/** The shape of a deposit notice; the contract publishes none [I]. */
export function depositView(deposit: records.DepositRecord): object {
  const { id, currency, amount, addr, txHash, confirmations, status, createdAt } = deposit;
  return exact({ id, object: 'deposit', currency, amount, addr, txHash, confirmations, status, createdAt });
}

export function chargeView({ id, ...record }: records.ChargeRecord): object {
  return exact({ id, object: 'charge', ...record });
}

/** The members that are decimals, wherever they stand. */
const DECIMALS = [
  ...['amount', 'fee', 'net', 'price', 'quoteAmount', 'available', 'pending', 'bid', 'ask', 'min', 'max'],
  ...['payout', 'pay', 'withdrawToken', 'trade', 'payoutFee', 'deliverLess', 'filled'],
];

/** The same members in the same order, decimals as exact numbers. */
export function exact(record: object): object {
  const toWire = (value: unknown, name: string): unknown => {
    if (typeof value === 'string') return DECIMALS.includes(name) ? exactNumber(value) : value;
    if (Array.isArray(value)) return value.map((one: unknown) => toWire(one, name));
    return typeof value === 'object' && value !== null ? exact(value) : value;
  };
  const members = Object.entries(record).map(([name, value]) => [name, toWire(value, name)]);
  return Object.fromEntries(members) as object;
}
