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

/** What makes a payout, once it is clear that it may be made. */
type PayoutTerms = Pick<
  PayoutRecord,
  'amount' | 'fee' | 'currency' | 'destination' | 'description' | 'externalOrderId' | 'outcome'
>;

/** Whom a person at the dashboard pays. */
const DASHBOARD_DESTINATION = {
  type: 'bankAccount',
  payerName: 'Dashboard Payee',
  bankAccountNum: '6222000000000000',
  bankName: 'Simulated Bank',
};

/** Creation of payouts. There is no idempotency: a second POST with the same `externalOrderId` pays twice. */
export class Payouts {
  readonly #with: PayoutDependencies;

  constructor(dependencies: PayoutDependencies) {
    this.#with = dependencies;
  }

  /** Takes amount and fee from `available` at once and starts the payout on its way. */
  create(fields: RequestFields): PayoutRecord {
    const { ledger, outcomes } = this.#with;
    const requested = fields.amount('amount');
    const currency = fields.text('currency');
    const destination = readDestination(fields.object('destination'));
    const description = fields.optionalText('description');
    const externalOrderId = fields.optionalText('externalOrderId');
    fields.end();
    this.#assertPayable(requested, currency);
    const { amount, fee } = this.#split(requested, currency);
    ledger.assertAvailable(currency, addAmounts(amount, fee));
    const outcome = outcomes.decide(requested, destination, externalOrderId);
    return this.#make({ amount, fee, currency, destination, description, externalOrderId, outcome });
  }

  /**
   * A payout that a person makes in the provider's dashboard: paid at once, with the fee on top, without
   * `externalOrderId` and without a minimum.
   */
  createInDashboard(fields: RequestFields): PayoutRecord {
    const { ledger, settlement } = this.#with;
    const amount = fields.amount('amount');
    const currency = fields.text('currency');
    fields.end();
    assertAmountOf(amount, currency);
    const fee = this.#fee(amount, currency);
    ledger.assertAvailable(currency, addAmounts(amount, fee));
    const terms = { amount: addAmounts(amount), fee, currency, destination: DASHBOARD_DESTINATION };
    return settlement.advance(this.#make({ ...terms, outcome: 'paid' }), 'paid');
  }

  #make(terms: PayoutTerms): PayoutRecord {
    const { state, settings, ledger, settlement } = this.#with;
    const createdAt = state.payouts.nextCreatedAt();
    const { settleAfterMs } = settings.current;
    const payout = state.payouts.put({
      id: newId(),
      createdAt,
      ...terms,
      status: 'pending',
      // An estimate: the contract's own pending payout carries a date, so it proves nothing.
      arrivalDate: new Date(Date.parse(createdAt) + 2 * settleAfterMs).toISOString(),
      destinationId: paymentMethodId(terms.destination),
      advanceAt: null,
    });
    ledger.book({
      currency: terms.currency,
      amount: subtractAmounts('0', terms.amount),
      fee: terms.fee,
      type: 'payout',
      source: payout.id,
      status: 'available',
      description: terms.description ?? 'payout',
    });
    settlement.begin(payout);
    return payout;
  }

  #assertPayable(requested: string, currency: string): void {
    const { settings, market } = this.#with;
    assertAmountOf(requested, currency);
    const limit = settings.current.payoutLimit;
    const worth = market.worthAtBid(requested, currency, limit.currency);
    if (worth === undefined) throw badRequest('currency cannot be paid out by this account', 'currency');
    if (compareAmounts(worth, limit.min) < 0) {
      throw badRequest(`amount is below the minimum of ${limit.min} ${limit.currency}`, 'amount');
    }
  }

  /** The answer's `amount` and `fee`, by the fee side in force (contract, "Whose is the fee?"). */
  #split(requested: string, currency: string): { amount: string; fee: string } {
    const { feeSide, deliverLess } = this.#with.settings.current;
    const fee = this.#fee(requested, currency);
    const due = feeSide === 'added' ? requested : subtractAmounts(requested, fee);
    const amount = subtractAmounts(due, roundUpToCurrency(deliverLess ?? '0', currency));
    if (compareAmounts(amount, '0') <= 0) throw badRequest('amount leaves nothing to deliver', 'amount');
    return { amount, fee };
  }

  #fee(requested: string, currency: string): string {
    const { payoutFee, feeRates } = this.#with.settings.current;
    return addAmounts(roundUpToCurrency(payoutFee ?? multiply(requested, feeRates.payout), currency));
  }
}

function assertAmountOf(amount: string, currency: string): void {
  if (!CURRENCY_PATTERN.test(currency)) throw badRequest('currency is not a currency code', 'currency');
  if (!isPayableAmount(amount, currency)) {
    throw badRequest(`amount has too many decimals for ${currency}`, 'amount');
  }
}
