import { isSameCurrency } from '../../src/domain/currency-pair.js';
import { FAILURE_TYPE, FAILURES, type Failure, type FailureType } from '../../src/domain/failure-type.js';
import { compareAmounts, type Money } from '../../src/domain/money.js';
import {
  findPayoutRequestProblems,
  FUNDING,
  fundingOf,
  type DepositInstructions,
  type PayoutOrigin,
  type PayoutRequest,
} from '../../src/domain/payout-request.js';
import { depositFor, estimatedPostAmount, reachesMinimum, type FeeTerms } from '../../src/domain/quote.js';
import { QbitPayResponseError } from '../../src/qbitpay/errors.js';
import type { Account } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { Price } from './fetch-ticker.js';
import { readState, type PayoutState } from '../payout-state.js';
import { OPENING } from '../../src/store/payouts/payout-state.js';

export interface GetDepositAddressInput {
  readonly payoutId: string;
  readonly origin: PayoutOrigin;
  /** Null where nothing is sold, or where no market sells it. */
  readonly price: Price | null;
  readonly maxSlippageBps: number;
  readonly depositDeadlineSeconds: number;
}

export type OpeningNext =
  /** Null where the available balance funds the payout. */
  | { readonly kind: 'opened'; readonly deposit: DepositInstructions | null }
  /** Another workflow, long gone, carried a payout of this id. */
  | { readonly kind: 'usedBefore' }
  | ({ readonly kind: 'reject' } & Failure);

/** `GET /accounts/show`, and with it the payout and its expected deposit, or its reservation, enter the store. */
export function createGetDepositAddress(deps: ActivityDependencies) {
  return async function getDepositAddress(input: GetDepositAddressInput): Promise<PayoutState<OpeningNext>> {
    // The store cannot be asked for an id that it could not hold.
    const invalid = findProblems(input.origin.request);
    if (invalid !== undefined) return { ...OPENING, next: invalid };
    return readState(deps.store, input.payoutId, { next: await openPayout(deps, input) });
  };
}

async function openPayout(
  { store, qbitpay, settings }: ActivityDependencies,
  { origin, price, maxSlippageBps, depositDeadlineSeconds }: GetDepositAddressInput,
): Promise<OpeningNext> {
  const { request } = origin;
  // A workflow that was reset goes on from the store, whatever the provider would say to this request today.
  const before = await store.payouts.findOpened(origin);
  if (before !== undefined) return before;
  if (price === null && !isSameCurrency(request)) return reject(FAILURE_TYPE.NO_SUCH_PAIR);
  const account = await qbitpay.getAccount();
  const feeTerms = readFeeTerms(account, settings.feeSide);
  const minimum = readMinimum(account);
  const bid = price?.bid ?? '1';
  const problem = findAmountProblem(request, bid, feeTerms, minimum);
  if (problem !== undefined) return reject(problem);
  const terms = {
    baseAmount: depositFor(request, bid, feeTerms, maxSlippageBps),
    feeTerms,
    estimatedPrice: price?.bid ?? null,
    minimum: minimum ?? null,
  };
  if (fundingOf(request) === FUNDING.BALANCE) return store.payouts.openFromBalance(origin, terms);
  const wallet = account.wallets.find(({ currency }) => currency === request.fundingCurrency);
  if (wallet === undefined) return reject(FAILURE_TYPE.NO_DEPOSIT_ADDRESS);
  const network = settings.networks[request.fundingCurrency];
  if (network === undefined) return reject(FAILURE_TYPE.NO_NETWORK);
  const opened = await store.payouts.openForDeposit(origin, {
    ...terms,
    network,
    address: wallet.addr,
    deadlineSeconds: depositDeadlineSeconds,
  });
  return opened.kind === 'noFreeAmount' ? reject(FAILURE_TYPE.NO_FREE_AMOUNT) : opened;
}

function findProblems(request: PayoutRequest): OpeningNext | undefined {
  const problems = findPayoutRequestProblems(request);
  if (problems.length === 0) return undefined;
  return reject(FAILURE_TYPE.INVALID_REQUEST, problems.map(({ field }) => field).join(', '));
}

function reject(type: FailureType, detail?: string): OpeningNext {
  const { meaning } = FAILURES[type];
  return { kind: 'reject', type, message: detail === undefined ? meaning : `${meaning} (${detail})` };
}

function findAmountProblem(
  request: PayoutRequest,
  bid: string,
  feeTerms: FeeTerms,
  minimum: Money | undefined,
): FailureType | undefined {
  const postAmount = estimatedPostAmount(request, bid, feeTerms);
  // Of a very small amount the fee and the rounding leave nothing.
  if (compareAmounts(postAmount, '0') <= 0) return FAILURE_TYPE.BELOW_MINIMUM;
  if (minimum === undefined) return undefined;
  const reaches = reachesMinimum(postAmount, request, bid, minimum);
  if (reaches === undefined) return FAILURE_TYPE.MINIMUM_NOT_COMPARABLE;
  return reaches ? undefined : FAILURE_TYPE.BELOW_MINIMUM;
}

function readFeeTerms(account: Account, side: FeeTerms['side']): FeeTerms {
  return {
    side,
    payoutRate: readRate(account.feeRates.payout, 'feeRates.payout'),
    // Not every account lists a fee on orders.
    tradeRate: readRate(account.feeRates.trade ?? '0', 'feeRates.trade'),
  };
}

function readRate(rate: string | undefined, field: string): string {
  if (rate !== undefined && compareAmounts(rate, '0') >= 0 && compareAmounts(rate, '1') < 0) return rate;
  throw new QbitPayResponseError('getAccount', { explanation: `${field} is not a rate from 0 to 1` });
}

function readMinimum(account: Account): Money | undefined {
  const limit = account.limit.payout;
  return limit?.min === undefined ? undefined : { currency: limit.currency, amount: limit.min };
}
