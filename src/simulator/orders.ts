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
import type { OrderOutcomes } from './order-outcomes.js';
import type { OrderRecord } from './records.js';
import type { RequestFields } from './request-fields.js';
import type { Settings } from './settings.js';
import type { SimulatorState } from './simulator-state.js';

export interface OrderDependencies {
  readonly state: SimulatorState;
  readonly settings: Settings;
  readonly ledger: Ledger;
  readonly market: Market;
  readonly outcomes: OrderOutcomes;
}

/** What executing an amount moves in the quote currency. */
interface Execution {
  readonly quoteAmount: string;
  readonly fee: string;
}

/** Orders execute at once and the balances move with them (contract, "Orders", [I]). */
export class Orders {
  readonly #with: OrderDependencies;

  constructor(dependencies: OrderDependencies) {
    this.#with = dependencies;
  }

  /**
   * Executes at the quoted price, or at the current one when none is named: `sell` at the bid, `buy` at the ask.
   * `quoteAmount` is gross; the fee (`feeRates.trade`, in the quote currency) comes off what a sale brings and on
   * top of what a purchase costs. Where a rule ends the order unfilled, only what it says is executed.
   */
  place(fields: RequestFields): OrderRecord {
    const { state, ledger, market, outcomes } = this.#with;
    const symbol = fields.text('symbol');
    const side = fields.choice('side', ['buy', 'sell']);
    const amount = fields.amount('amount');
    const askedPrice = fields.optionalAmount('price');
    const externalOrderId = fields.optionalText('externalOrderId');
    fields.end();
    const priceSide = side === 'sell' ? 'bid' : 'ask';
    const currentPrice = market.price(symbol, priceSide);
    const [base = '', quote = ''] = symbol.split('/');
    if (!isPayableAmount(amount, base))
      throw badRequest(`amount has too many decimals for ${base}`, 'amount');
    if (askedPrice !== undefined) market.assertQuoted(symbol, priceSide, askedPrice);
    const price = addAmounts(askedPrice ?? currentPrice);
    const whole = this.#execute(side, multiply(amount, price), quote);
    if (compareAmounts(whole.quoteAmount, whole.fee) <= 0) {
      throw badRequest('amount is too small to trade', 'amount');
    }
    const given = side === 'sell' ? amount : addAmounts(whole.quoteAmount, whole.fee);
    ledger.assertAvailable(side === 'sell' ? base : quote, given);

    const rule = outcomes.decide(externalOrderId);
    const executed = rule === undefined ? amount : executedPart(rule.filled, amount, base);
    const order = state.orders.put({
      id: newId(),
      createdAt: state.orders.nextCreatedAt(),
      symbol,
      side,
      amount: addAmounts(amount),
      price,
      ...this.#execute(side, multiply(executed, price), quote),
      ...(externalOrderId === undefined ? {} : { externalOrderId }),
      ...(rule === undefined ? {} : { unfilled: rule.status }),
    });
    if (compareAmounts(executed, '0') > 0) this.#book(order, addAmounts(executed), base, quote);
    return order;
  }

  #execute(side: OrderRecord['side'], value: string, quote: string): Execution {
    const quoteAmount = side === 'sell' ? roundDownToCurrency(value, quote) : roundUpToCurrency(value, quote);
    const rate = this.#with.settings.current.feeRates.trade;
    const fee = roundUpToCurrency(multiply(quoteAmount, rate), quote);
    return { quoteAmount: addAmounts(quoteAmount), fee: addAmounts(fee) };
  }

  #book(order: OrderRecord, executed: string, base: string, quote: string): void {
    const { ledger } = this.#with;
    const negated = (amount: string): string => subtractAmounts('0', amount);
    const selling = order.side === 'sell';
    const shared = { type: 'order', source: order.id, status: 'available' } as const;
    const description = `${order.side} ${order.symbol}`;
    const baseAmount = selling ? negated(executed) : executed;
    const quoteAmount = selling ? order.quoteAmount : negated(order.quoteAmount);
    ledger.book({ ...shared, currency: base, amount: baseAmount, fee: '0', description });
    ledger.book({ ...shared, currency: quote, amount: quoteAmount, fee: order.fee, description });
  }
}

function executedPart(filled: string, amount: string, base: string): string {
  return compareAmounts(filled, amount) < 0 ? roundDownToCurrency(filled, base) : amount;
}
