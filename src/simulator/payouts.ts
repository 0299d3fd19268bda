import { addAmounts, compareAmounts, multiply, roundUpToCurrency, subtractAmounts } from '../domain/money.js';
import { destination } from './destination.js';
import { amount, assertScale, currencyCode, type Fields, looseAmount, optional, text } from './fields.js';
import { newId, paymentMethodId } from './identifiers.js';
import { assertAvailable, book } from './ledger.js';
import { worthAtBid } from './market.js';
import { badRequest } from './provider-error.js';
import type { PayoutOutcome, PayoutRecord } from './records.js';
import { isWanted, takeRule } from './rules.js';
import { advancePayout, beginPayout } from './settlement.js';
import type { Simulation } from './simulation.js';
import type { Store } from './store.js';

export const payoutFields = {
  amount,
  currency: currencyCode,
  destination,
  description: optional(text),
  externalOrderId: optional(text),
};
type PayoutRequest = Fields<typeof payoutFields>;

export const dashboardPayoutFields = { amount: looseAmount, currency: currencyCode };

/** Values of `destination.payerName` that decide a payout's end without any control call. */
const OUTCOMES_BY_PAYER_NAME: Readonly<Record<string, PayoutOutcome>> = {
  'SIMULATE FAILED': 'failed',
  'SIMULATE CANCELLED': 'cancelled',
  'SIMULATE STUCK': 'stuck',
};

/** Whom a person at the dashboard pays. */
const DASHBOARD_DESTINATION = {
  type: 'bankAccount',
  payerName: 'Dashboard Payee',
  bankAccountNum: '6222000000000000',
  bankName: 'Simulated Bank',
};

/**
 * Takes amount and fee from `available` at once and starts the payout on its way. There is no idempotency: a second
 * POST with the same `externalOrderId` pays twice.
 */
export function createPayout(simulation: Simulation, request: PayoutRequest): PayoutRecord {
  const { store } = simulation;
  const { amount: requested, currency } = request;
  assertScale(requested, currency);
  assertMinimum(store, requested, currency);
  const fee = payoutFee(store, requested, currency);
  // By the fee side in force (contract, "Whose is the fee?").
  const { feeSide, deliverLess } = store.settings;
  const due = feeSide === 'added' ? requested : subtractAmounts(requested, fee);
  const delivered = subtractAmounts(due, roundUpToCurrency(deliverLess ?? '0', currency));
  if (compareAmounts(delivered, '0') <= 0) throw badRequest('amount leaves nothing to deliver', 'amount');
  assertAvailable(store, currency, addAmounts(delivered, fee));
  const outcome = decideOutcome(store, request);
  return makePayout(simulation, { ...request, amount: delivered, fee, outcome });
}

/**
 * A payout that a person makes in the provider's dashboard: paid at once, with the fee on top, without
 * `externalOrderId` and without a minimum.
 */
export function createDashboardPayout(
  simulation: Simulation,
  { amount: delivered, currency }: Fields<typeof dashboardPayoutFields>,
): PayoutRecord {
  assertScale(delivered, currency);
  const fee = payoutFee(simulation.store, delivered, currency);
  assertAvailable(simulation.store, currency, addAmounts(delivered, fee));
  const terms = {
    amount: delivered,
    fee,
    currency,
    destination: DASHBOARD_DESTINATION,
    outcome: 'paid',
  } as const;
  return advancePayout(simulation, makePayout(simulation, terms), 'paid');
}

/** What makes a payout, once it is clear that it may be made. */
type PayoutTerms = Pick<
  PayoutRecord,
  'amount' | 'fee' | 'currency' | 'destination' | 'description' | 'externalOrderId' | 'outcome'
>;

function makePayout(simulation: Simulation, terms: PayoutTerms): PayoutRecord {
  const { store } = simulation;
  const createdAt = store.payouts.nextCreatedAt();
  const payout = store.payouts.put({
    id: newId(),
    createdAt,
    ...terms,
    status: 'pending',
    // An estimate: the contract's own pending payout carries a date, so it proves nothing.
    arrivalDate: new Date(Date.parse(createdAt) + 2 * store.settings.settleAfterMs).toISOString(),
    destinationId: paymentMethodId(terms.destination),
    advanceAt: null,
  });
  book(store, {
    currency: terms.currency,
    amount: subtractAmounts('0', terms.amount),
    fee: terms.fee,
    type: 'payout',
    source: payout.id,
    description: terms.description ?? 'payout',
  });
  return beginPayout(simulation, payout);
}

function assertMinimum(store: Store, requested: string, currency: string): void {
  const { min, currency: limitCurrency } = store.settings.payoutLimit;
  const worth = worthAtBid(store, requested, currency, limitCurrency);
  if (worth === undefined) throw badRequest('currency cannot be paid out by this account', 'currency');
  if (compareAmounts(worth, min) >= 0) return;
  throw badRequest(`amount is below the minimum of ${min} ${limitCurrency}`, 'amount');
}

function payoutFee({ settings }: Store, requested: string, currency: string): string {
  const fee = settings.payoutFee ?? multiply(requested, settings.feeRates.payout);
  return addAmounts(roundUpToCurrency(fee, currency));
}

/** Where the payout will end: as a matching rule says, else by the payer's name, else it is paid. */
function decideOutcome(store: Store, request: PayoutRequest): PayoutOutcome {
  const { bankAccountNum, addr, payerName = '' } = request.destination;
  const rule = takeRule(
    store.payoutOutcomes,
    (one) =>
      (one.amount === undefined || compareAmounts(one.amount, request.amount) === 0) &&
      (isWanted(one.destination, bankAccountNum) || isWanted(one.destination, addr)) &&
      isWanted(one.externalOrderId, request.externalOrderId),
  );
  return rule?.outcome ?? OUTCOMES_BY_PAYER_NAME[payerName] ?? 'paid';
}
