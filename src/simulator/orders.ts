import {
  addAmounts,
  compareAmounts,
  isPayableAmount,
  multiply,
  roundDownToCurrency,
  roundUpToCurrency,
  subtractAmounts,
} from '../domain/money.js';
import { newId } from './identifiers.js';
import type { Ledger } from './ledger.js';
import type { Market } from './market.js';
import { badRequest } from './provider-error.js';
import type { OrderRecord } from './records.js';
import type { RequestFields } from './request-fields.js';
import type { Settings } from './settings.js';
import type { SimulatorState } from './simulator-state.js';

/** Orders execute at once and the balances move with them (contract, "Orders", [I]). */
export class Orders {
  readonly #state: SimulatorState;
  readonly #settings: Settings;
  readonly #ledger: Ledger;
  readonly #market: Market;

  constructor(state: SimulatorState, settings: Settings, ledger: Ledger, market: Market) {
    this.#state = state;
    this.#settings = settings;
    this.#ledger = ledger;
    this.#market = market;
  }

  /**
   * Executes at the quoted price, or at the current one when none is named: `sell` at the bid, `buy` at the ask.
   * `quoteAmount` is gross; the fee (`feeRates.trade`, in the quote currency) comes off what a sale brings and on
   * top of what a purchase costs.
   */
  place(fields: RequestFields): OrderRecord {
    const symbol = fields.text('symbol');
    const side = fields.choice('side', ['buy', 'sell']);
    const amount = fields.amount('amount');
    const askedPrice = fields.optionalAmount('price');
    const externalOrderId = fields.optionalText('externalOrderId');
    fields.end();
    const priceSide = side === 'sell' ? 'bid' : 'ask';
    const currentPrice = this.#market.price(symbol, priceSide);
    const [base = '', quote = ''] = symbol.split('/');
    if (!isPayableAmount(amount, base))
      throw badRequest(`amount has too many decimals for ${base}`, 'amount');
    if (askedPrice !== undefined) this.#market.assertQuoted(symbol, priceSide, askedPrice);
    const price = addAmounts(askedPrice ?? currentPrice);
    const value = multiply(amount, price);
    const quoteAmount = side === 'sell' ? roundDownToCurrency(value, quote) : roundUpToCurrency(value, quote);
    const fee = roundUpToCurrency(multiply(quoteAmount, this.#settings.current.feeRates.trade), quote);
    if (compareAmounts(quoteAmount, fee) <= 0) throw badRequest('amount is too small to trade', 'amount');
    const given = side === 'sell' ? amount : addAmounts(quoteAmount, fee);
    this.#ledger.assertAvailable(side === 'sell' ? base : quote, given);

    const order = this.#state.orders.put({
      id: newId(),
      createdAt: this.#state.orders.nextCreatedAt(),
      symbol,
      side,
      amount: addAmounts(amount),
      price,
      quoteAmount: addAmounts(quoteAmount),
      fee: addAmounts(fee),
      ...(externalOrderId === undefined ? {} : { externalOrderId }),
    });
    this.#book(order, base, quote);
    return order;
  }

  #book(order: OrderRecord, base: string, quote: string): void {
    const negated = (amount: string): string => subtractAmounts('0', amount);
    const selling = order.side === 'sell';
    const shared = { type: 'order', source: order.id, status: 'available' } as const;
    const description = `${order.side} ${order.symbol}`;
    const baseAmount = selling ? negated(order.amount) : order.amount;
    const quoteAmount = selling ? order.quoteAmount : negated(order.quoteAmount);
    this.#ledger.book({ ...shared, currency: base, amount: baseAmount, fee: '0', description });
    this.#ledger.book({ ...shared, currency: quote, amount: quoteAmount, fee: order.fee, description });
  }
}
