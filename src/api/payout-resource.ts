import type { z } from 'zod';
import type { LedgerEntry } from '../store/ledger/ledger-records.js';
import type {
  OrderRecord,
  PayoutDepositRecord,
  PayoutRecord,
  TimelineEntry,
} from '../store/payouts/payout-records.js';
import { FAILURES, type FailureType } from '../domain/failure-type.js';
import { atCurrencyScale, compareAmounts, subtractAmounts } from '../domain/money.js';
import { AMOUNT_MODE, fundingOf, type PayoutRequest } from '../domain/payout-request.js';
import { PAYOUT_STATUS } from '../domain/payout-status.js';
import type { OpeningPayout } from '../temporal/payout-gateway.js';
import type { openedPayout, payout, payoutWithTimeline, startedPayout, unbookedPayout } from './schemas.js';

/*
 * What callers see of a payout. Every member is named here one by one, so that nothing else of a record,
 * least of all its destination, can slip into an answer.
 */

export function toOpenedPayout(record: PayoutRecord): z.output<typeof openedPayout> {
  return {
    ...toBasics(record),
    status: record.status,
    deposit: toDeposit(record.deposit),
    createdAt: record.createdAt.toISOString(),
  };
}

export function toStartedPayout(request: PayoutRequest): z.output<typeof startedPayout> {
  const { payoutId, amount, currency, amountMode, fundingCurrency, description } = request;
  return {
    payoutId,
    status: PAYOUT_STATUS.OPENING,
    amount,
    currency,
    amountMode,
    fundingCurrency,
    funding: fundingOf(request),
    ...(description === undefined ? {} : { description }),
    deposit: null,
  };
}

export function toPayout(record: PayoutRecord): z.output<typeof payout> {
  const { order, providerPayout, failure } = record;
  return {
    ...toOpenedPayout(record),
    destinationType: record.request.destination.type,
    updatedAt: record.updatedAt.toISOString(),
    providerPayoutId: providerPayout?.providerPayoutId ?? null,
    order: order === null ? null : toOrder(order, record),
    fee: providerPayout === null ? null : atCurrencyScale(providerPayout.fee, record.currency),
    recipientAmount:
      providerPayout === null ? null : atCurrencyScale(providerPayout.recipientAmount, record.currency),
    holdReason: record.holdReason,
    hold: toHold(record.holdReason),
    failure: failure === null ? null : { type: failure.type, message: failure.message },
    flags: [...record.flags],
  };
}

export function toPayoutWithTimeline(
  record: PayoutRecord,
  steps: readonly TimelineEntry[],
  entries: readonly LedgerEntry[],
): z.output<typeof payoutWithTimeline> {
  const timeline = steps.map(({ status, at, detail }) => ({ status, at: at.toISOString(), detail }));
  return { ...toPayout(record), timeline, postings: entries.flatMap(toPostings) };
}

function toPostings({ entryId, cause, at, postings }: LedgerEntry) {
  return postings.map(({ account, currency, amount }) => ({
    entryId,
    cause,
    at: at.toISOString(),
    account,
    currency,
    amount: atCurrencyScale(amount, currency),
  }));
}

/** What is not known is null, so that the answer has the members of any other payout. */
export function toUnbookedPayout(
  payoutId: string,
  status: 'opening' | 'cancelled',
  opening?: OpeningPayout,
): z.output<typeof unbookedPayout> {
  const startedAt = opening?.startedAt.toISOString() ?? null;
  const holdReason = opening?.holdReason ?? null;
  return {
    payoutId,
    status,
    amount: opening?.amount ?? null,
    currency: opening?.currency ?? null,
    amountMode: toAmountMode(opening?.amountMode),
    fundingCurrency: null,
    funding: null,
    destinationType: null,
    deposit: null,
    createdAt: startedAt,
    updatedAt: startedAt,
    providerPayoutId: null,
    order: null,
    fee: null,
    recipientAmount: null,
    holdReason,
    hold: toHold(holdReason),
    failure: null,
    flags: [],
    timeline: [],
    postings: [],
  };
}

function toBasics(record: PayoutRecord) {
  const { payoutId, amount, currency, amountMode, fundingCurrency, funding, request } = record;
  const description = request.description === undefined ? {} : { description: request.description };
  return { payoutId, amount, currency, amountMode, fundingCurrency, funding, ...description };
}

function toDeposit(deposit: PayoutDepositRecord | null) {
  if (deposit === null) return null;
  const { currency, network, address, expiresAt } = deposit;
  const missing = subtractAmounts(deposit.amount, deposit.received);
  return {
    currency,
    network,
    address,
    amount: atCurrencyScale(deposit.amount, currency),
    received: atCurrencyScale(deposit.received, currency),
    missing: atCurrencyScale(compareAmounts(missing, '0') < 0 ? '0' : missing, currency),
    expiresAt: expiresAt.toISOString(),
  };
}

function toOrder(order: OrderRecord, { currency, fundingCurrency }: PayoutRecord) {
  const { providerOrderId, symbol, price, status } = order;
  return {
    providerOrderId,
    symbol,
    amount: atCurrencyScale(order.amount, fundingCurrency),
    price,
    quoteAmount: atCurrencyScale(order.quoteAmount, currency),
    fee: atCurrencyScale(order.fee, currency),
    status,
  };
}

function toHold(reason: FailureType | null) {
  if (reason === null) return null;
  const { meaning, action, actions } = FAILURES[reason];
  return { reason, meaning, action, actions: [...actions] };
}

function toAmountMode(word: string | undefined) {
  return Object.values(AMOUNT_MODE).find((mode) => mode === word) ?? null;
}
