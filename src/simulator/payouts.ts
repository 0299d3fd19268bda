import { addAmounts, compareAmounts, multiply, roundUpToCurrency, subtractAmounts } from '../domain/money.js';
import { paymentMethodId } from './destination.js';
import { assertScale, type Fields } from './fields.js';
import { assertAvailable, book } from './ledger.js';
import { worthAtBid } from './market.js';
import { badRequest } from './provider-error.js';
import type * as records from './records.js';
import { newId, type PayoutOutcome, type PayoutRecord, type PayoutStatus } from './records.js';
import { keptId } from './settings.js';
import type { Store } from './store.js';
import { isWanted, takeRule } from './table.js';
import { announcePayout } from './webhook-events.js';

type PayoutRequest = Fields<typeof records.payoutFields>;

/** Values of `destination.payerName` that decide a payout's end without any control call. */
const OUTCOMES_BY_PAYER_NAME: Readonly<Record<string, PayoutOutcome>> = {
  'SIMULATE FAILED': 'failed',
  'SIMULATE CANCELLED': 'cancelled',
  'SIMULATE STUCK': 'stuck',
};

/** Whom a person at the dashboard pays. */
const DASHBOARD_PAYEE = {
  type: 'bankAccount',
  payerName: 'Dashboard Payee',
  bankAccountNum: '6222000000000000',
  bankName: 'Simulated Bank',
};

/** There is no idempotency: a second POST with the same `externalOrderId` pays twice. */
export function createPayout(store: Store, request: PayoutRequest): PayoutRecord {
  const { amount: requested, currency } = request;
  const { feeSide, deliverLess, payoutLimit: limit } = store.settings;
  const fee = payoutFee(store, requested, currency);
  const worth = worthAtBid(store, requested, currency);
  if (worth === undefined) throw badRequest('currency cannot be paid out by this account', 'currency');
  if (compareAmounts(worth, limit.min) < 0) {
    throw badRequest(`amount is below the minimum of ${limit.min} ${limit.currency}`, 'amount');
  }
  // By the fee side in force (contract, "Whose is the fee?").
  const due = feeSide === 'added' ? requested : subtractAmounts(requested, fee);
  const amount = subtractAmounts(due, deliverLess ?? '0');
  if (compareAmounts(amount, '0') <= 0) throw badRequest('amount leaves nothing to deliver', 'amount');
  assertAvailable(store, currency, addAmounts(amount, fee));
  return makePayout(store, { ...request, amount }, fee, decideOutcome(store, request));
}

/** What a person makes in the provider's dashboard: paid at once, with the fee on top and without a minimum. */
export function createDashboardPayout(store: Store, amount: string, currency: string): PayoutRecord {
  const fee = payoutFee(store, amount, currency);
  assertAvailable(store, currency, addAmounts(amount, fee));
  const unnamed = { description: undefined, externalOrderId: undefined };
  const request = { amount, currency, destination: DASHBOARD_PAYEE, ...unnamed };
  return advancePayout(store, makePayout(store, request, fee, 'paid'), 'paid');
}

/**
 * So many payouts that were paid before the account's balances were what they are: nothing is booked or announced. One a
 * second, the last of them just before now.
 */
export function addPastPayouts(store: Store, amount: string, currency: string, count: number): void {
  const fee = payoutFee(store, amount, currency);
  const destinationId = paymentMethodId(DASHBOARD_PAYEE);
  const terms = { amount, currency, fee, destination: DASHBOARD_PAYEE, destinationId, description: 'payout' };
  const end = { externalOrderId: undefined, status: 'paid', outcome: 'paid', dueAt: null } as const;
  for (let age = count; age > 0; age -= 1) {
    const createdAt = new Date(Date.now() - age * 1_000).toISOString();
    store.payouts.put({ id: newId(), createdAt, arrivalDate: createdAt, ...terms, ...end });
  }
}

function makePayout(store: Store, request: PayoutRequest, fee: string, outcome: PayoutOutcome): PayoutRecord {
  const { amount, currency, destination, description = 'payout' } = request;
  const payout = store.payouts.add({
    ...request,
    externalOrderId: keptId(store.settings, request.externalOrderId),
    fee,
    status: 'pending',
    outcome,
    // An estimate: the contract's own pending payout carries a date, so it proves nothing.
    arrivalDate: new Date(Date.now() + 2 * store.settings.settleAfterMs).toISOString(),
    destinationId: paymentMethodId(destination),
    dueAt: moveAt(store, 'pending', outcome),
  });
  const movement = { currency, amount: subtractAmounts('0', amount), fee, description };
  book(store, { ...movement, type: 'payout', source: payout.id });
  announcePayout(store, payout);
  return payout;
}

function payoutFee({ settings }: Store, requested: string, currency: string): string {
  assertScale(requested, currency);
  const estimate = multiply(requested, settings.feeRates.payout);
  return addAmounts(settings.payoutFee ?? roundUpToCurrency(estimate, currency));
}

/** Where the payout will end: as a matching rule says, else by the payer's name, else it is paid. */
function decideOutcome(store: Store, { amount, destination, externalOrderId }: PayoutRequest): PayoutOutcome {
  const accounts = [destination['bankAccountNum'], destination['addr']];
  const rule = takeRule(
    store.payoutOutcomes,
    (one) =>
      (one.amount === undefined || compareAmounts(one.amount, amount) === 0) &&
      accounts.some((account) => isWanted(one.destination, account)) &&
      isWanted(one.externalOrderId, externalOrderId),
  );
  return rule?.outcome ?? OUTCOMES_BY_PAYER_NAME[destination['payerName'] ?? ''] ?? 'paid';
}

/**
 * Where a payout goes from each status. From an end by a control call alone: the bank sends a paid one back, and one that
 * was given up is carried out after all.
 */
const NEXT_STATUSES: Readonly<Record<PayoutStatus, readonly PayoutStatus[]>> = {
  pending: ['inTransit', 'failed', 'cancelled'],
  inTransit: ['paid', 'failed', 'cancelled'],
  paid: ['failed'],
  failed: ['inTransit', 'paid'],
  cancelled: ['inTransit', 'paid'],
};
const IN_FLIGHT: readonly PayoutStatus[] = ['pending', 'inTransit'];

type Transaction = records.BalanceTransactionRecord;

/** What books the return of the money at the ends where it comes back. */
const RETURN_TYPES: Readonly<Partial<Record<PayoutStatus, Transaction['type']>>> = {
  failed: 'payout_failure',
  cancelled: 'payout_cancel',
};

export function payoutsInFlight({ payouts }: Store): PayoutRecord[] {
  return [...payouts].filter(({ status }) => IN_FLIGHT.includes(status));
}

/** When a payout moves by itself; null for never. */
function moveAt({ settings }: Store, status: PayoutStatus, outcome: PayoutOutcome): number | null {
  const isStuck = outcome === 'stuck' && status === 'inTransit';
  const waits = settings.settlement === 'manual' || isStuck || !IN_FLIGHT.includes(status);
  return waits ? null : Date.now() + settings.settleAfterMs;
}

/** The next step of a payout that moves by itself. */
export function stepPayout(store: Store, payout: PayoutRecord): void {
  const { status, outcome } = payout;
  if (status === 'pending') change(store, payout, outcome === 'cancelled' ? 'cancelled' : 'inTransit');
  else change(store, payout, outcome === 'failed' ? 'failed' : 'paid');
}

/** Moves a payout to a status; `paid` from pending passes through inTransit. Throws 400 when it cannot go there. */
export function advancePayout(store: Store, payout: PayoutRecord, status: PayoutStatus): PayoutRecord {
  if (payout.status === 'pending' && status === 'paid') {
    return change(store, change(store, payout, 'inTransit'), 'paid');
  }
  if (NEXT_STATUSES[payout.status].includes(status)) return change(store, payout, status);
  throw badRequest(`a payout that is ${payout.status} cannot become ${status}`, 'status');
}

/** Carries every payout in flight to its end now, except those that are to be stuck; answers how many. */
export function settleAll(store: Store): number {
  const ends = payoutsInFlight(store).flatMap((payout) =>
    payout.outcome === 'stuck' ? [] : [advancePayout(store, payout, payout.outcome)],
  );
  return ends.length;
}

/** Starts or stops the clocks of all payouts in flight after the settlement setting changed. */
export function reschedulePayouts(store: Store): void {
  for (const payout of payoutsInFlight(store)) {
    store.payouts.put({ ...payout, dueAt: moveAt(store, payout.status, payout.outcome) });
  }
}

/**
 * Brings a payout's money back: all that is not back yet, or a part of the amount. Throws 400 unless it failed or was
 * cancelled, and when it is back already.
 */
export function returnPayout(
  store: Store,
  payout: PayoutRecord,
  { fee: withFee, amount: part }: { readonly fee: boolean; readonly amount?: string | undefined },
): Transaction {
  const { id, currency, status } = payout;
  const type = RETURN_TYPES[status];
  if (type === undefined) throw badRequest('only a payout that failed or was cancelled comes back', 'id');
  const back = payout.returned ?? { amount: '0', fee: '0' };
  const rest = subtractAmounts(payout.amount, back.amount);
  if (compareAmounts(rest, '0') === 0) throw badRequest('the payout came back already', 'id');
  const amount = part ?? rest;
  if (compareAmounts(amount, rest) > 0)
    throw badRequest('amount is more than what is not back yet', 'amount');
  const fee = withFee ? payout.fee : '0';
  const returned = { amount: addAmounts(back.amount, amount), fee: addAmounts(back.fee, fee) };
  store.payouts.put({ ...payout, returned });
  const movement = { currency, amount, fee: subtractAmounts('0', fee), source: id };
  return book(store, { ...movement, type, description: `payout ${status}` });
}

/** What came back of a payout that is carried out after all is taken again. */
function takeAgain(store: Store, { id, currency, returned, description }: PayoutRecord): void {
  if (returned === undefined) return;
  const { amount, fee } = returned;
  assertAvailable(store, currency, addAmounts(amount, fee));
  const movement = { currency, amount: subtractAmounts('0', amount), fee, source: id };
  book(store, { ...movement, type: 'payout', ...(description === undefined ? {} : { description }) });
}

function change(store: Store, payout: PayoutRecord, status: PayoutStatus): PayoutRecord {
  const { returns, returnFees } = store.settings;
  const isRevived = RETURN_TYPES[payout.status] !== undefined;
  if (isRevived) takeAgain(store, payout);
  const arrivalDate = status === 'paid' ? new Date().toISOString() : payout.arrivalDate;
  const dueAt = moveAt(store, status, payout.outcome);
  const { returned, ...rest } = payout;
  const kept = isRevived || returned === undefined ? {} : { returned };
  const changed = store.payouts.put({ ...rest, ...kept, status, arrivalDate, dueAt });
  const comesBack = RETURN_TYPES[status] !== undefined && returns === 'immediate';
  if (comesBack) returnPayout(store, changed, { fee: returnFees });
  announcePayout(store, changed);
  return changed;
}
