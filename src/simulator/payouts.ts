import {
  addAmounts,
  compareAmounts,
  isPayableAmount,
  multiply,
  roundUpToCurrency,
  subtractAmounts,
  CURRENCY_PATTERN,
} from '../domain/money.js';
import { readDestination } from './destination.js';
import { newId, paymentMethodId } from './identifiers.js';
import type { Ledger } from './ledger.js';
import type { Market } from './market.js';
import type { PayoutOutcomes } from './payout-outcomes.js';
import { badRequest } from './provider-error.js';
import type { PayoutRecord } from './records.js';
import type { RequestFields } from './request-fields.js';
import type { Settings } from './settings.js';
import type { Settlement } from './settlement.js';
import type { SimulatorState } from './simulator-state.js';

export interface PayoutDependencies {
  readonly state: SimulatorState;
  readonly settings: Settings;
  readonly ledger: Ledger;
  readonly market: Market;
  readonly outcomes: PayoutOutcomes;
  readonly settlement: Settlement;
}

/** Creation of payouts. There is no idempotency: a second POST with the same `externalOrderId` pays twice. */
export class Payouts {
  readonly #with: PayoutDependencies;

  constructor(dependencies: PayoutDependencies) {
    this.#with = dependencies;
  }

  /** Takes amount and fee from `available` at once and starts the payout on its way. */
  create(fields: RequestFields): PayoutRecord {
    const { state, settings, ledger, outcomes, settlement } = this.#with;
    const requested = fields.amount('amount');
    const currency = fields.text('currency');
    const destination = readDestination(fields.object('destination'));
    const description = fields.optionalText('description');
    const externalOrderId = fields.optionalText('externalOrderId');
    fields.end();
    this.#assertPayable(requested, currency);
    const { amount, fee } = this.#split(requested, currency);
    ledger.assertAvailable(currency, addAmounts(amount, fee));

    const createdAt = state.payouts.nextCreatedAt();
    const { settleAfterMs } = settings.current;
    const payout = state.payouts.put({
      id: newId(),
      createdAt,
      amount,
      fee,
      currency,
      description,
      externalOrderId,
      status: 'pending',
      // An estimate: the contract's own pending payout carries a date, so it proves nothing.
      arrivalDate: new Date(Date.parse(createdAt) + 2 * settleAfterMs).toISOString(),
      destinationId: paymentMethodId(destination),
      destination,
      outcome: outcomes.decide(requested, destination, externalOrderId),
      advanceAt: null,
    });
    ledger.book({
      currency,
      amount: subtractAmounts('0', amount),
      fee,
      type: 'payout',
      source: payout.id,
      status: 'available',
      description: description ?? 'payout',
    });
    settlement.begin(payout);
    return payout;
  }

  #assertPayable(requested: string, currency: string): void {
    const { settings, market } = this.#with;
    if (!CURRENCY_PATTERN.test(currency)) throw badRequest('currency is not a currency code', 'currency');
    if (!isPayableAmount(requested, currency)) {
      throw badRequest(`amount has too many decimals for ${currency}`, 'amount');
    }
    const limit = settings.current.payoutLimit;
    const worth = market.worthAtBid(requested, currency, limit.currency);
    if (worth === undefined) throw badRequest('currency cannot be paid out by this account', 'currency');
    if (compareAmounts(worth, limit.min) < 0) {
      throw badRequest(`amount is below the minimum of ${limit.min} ${limit.currency}`, 'amount');
    }
  }

  /** The answer's `amount` and `fee`, by the fee side in force (contract, "Whose is the fee?"). */
  #split(requested: string, currency: string): { amount: string; fee: string } {
    const { feeSide, feeRates } = this.#with.settings.current;
    const fee = addAmounts(roundUpToCurrency(multiply(requested, feeRates.payout), currency));
    const amount = feeSide === 'added' ? addAmounts(requested) : subtractAmounts(requested, fee);
    if (compareAmounts(amount, '0') <= 0) throw badRequest('amount does not cover the fee', 'amount');
    return { amount, fee };
  }
}
