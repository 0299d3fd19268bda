import { isWithinLimit, type AmountLimits } from '../../src/domain/amount-limits.js';
import { isSameCurrency } from '../../src/domain/currency-pair.js';
import { FAILURE_TYPE, FAILURES, type Failure, type FailureType } from '../../src/domain/failure-type.js';
import { compareAmounts, type Money } from '../../src/domain/money.js';
import {
  AMOUNT_MODE,
  FUNDING,
  type DepositInstructions,
  type PayoutRequest,
} from '../../src/domain/payout-request.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { depositFor, estimatedPostAmount, reachesMinimum, type FeeTerms } from '../../src/domain/quote.js';
import { QbitPayResponseError } from '../../src/qbitpay/errors.js';
import type { Account } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { Price } from './fetch-ticker.js';
import { readState, type PayoutState } from '../payout-state.js';
import { ensureAccountOpened } from '../provider/account-opening.js';
import { findDepositAddress } from '../provider/deposit-wallet.js';

export interface GetDepositAddressInput {
  readonly payoutId: string;
  /** Null where nothing is sold, or where no market sells it. */
  readonly price: Price | null;
  readonly maxSlippageBps: number;
  readonly depositDeadlineSeconds: number;
}

export type OpeningNext =
  /** Null where the available balance funds the payout. */
  | { readonly kind: 'opened'; readonly deposit: DepositInstructions | null }
  | ({ readonly kind: 'reject' } & Failure);

/** `GET /accounts/show`, and with it the payout gets its expected deposit, or its place in the queue for the balance. */
export function createGetDepositAddress(deps: ActivityDependencies) {
  return async function getDepositAddress(input: GetDepositAddressInput): Promise<PayoutState<OpeningNext>> {
    const next = await openPayout(deps, input);
    return readState(deps.store, input.payoutId, next === undefined ? {} : { next });
  };
}

async function openPayout(
  { store, qbitpay, settings }: ActivityDependencies,
  { payoutId, price, maxSlippageBps, depositDeadlineSeconds }: GetDepositAddressInput,
): Promise<OpeningNext | undefined> {
  const { request, status, funding } = await store.payouts.getPayout(payoutId);
  // It was opened, held or ended meanwhile: whatever the provider says to this request today changes nothing.
  if (status !== PAYOUT_STATUS.OPENING) return undefined;
  if (price === null && !isSameCurrency(request)) return reject(FAILURE_TYPE.NO_SUCH_PAIR);
  const account = await qbitpay.getAccount();
  const feeTerms = readFeeTerms(account, settings.feeSide);
  const minimum = readMinimum(account);
  const bid = price?.bid ?? '1';
  const problem = findAmountProblem(request, bid, feeTerms, minimum);
  if (problem !== undefined) return reject(problem);
  const baseAmount = depositFor(request, bid, feeTerms, maxSlippageBps);
  const isTooMuch = !isBelowMaximum(request, baseAmount, settings.maxPayoutAmounts);
  const terms = {
    baseAmount,
    feeTerms,
    estimatedPrice: price?.bid ?? null,
    minimum: minimum ?? null,
  };
  if (funding === FUNDING.BALANCE) {
    return isTooMuch ? reject(FAILURE_TYPE.ABOVE_MAXIMUM) : store.payouts.openFromBalance(payoutId, terms);
  }
  const address = findDepositAddress(account, request.fundingCurrency, settings.depositAddresses);
  if (address === undefined) return reject(FAILURE_TYPE.NO_DEPOSIT_ADDRESS);
  const network = settings.networks[request.fundingCurrency];
  if (network === undefined) return reject(FAILURE_TYPE.NO_NETWORK);
  if (isTooMuch) return reject(FAILURE_TYPE.ABOVE_MAXIMUM);
  // A deposit that came before the opening balance is read would be part of it.
  await ensureAccountOpened({ store, qbitpay });
  const opened = await store.payouts.openForDeposit(payoutId, {
    ...terms,
    network,
    address,
    deadlineSeconds: depositDeadlineSeconds,
    tailDigits: settings.depositTailDigits,
  });
  return opened ?? reject(FAILURE_TYPE.NO_FREE_AMOUNT);
}

function reject(type: FailureType): OpeningNext {
  return { kind: 'reject', type, message: FAILURES[type].meaning };
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

/** Of a currency without a limit of its own: no amount of it is meant. */
const MAX_OF_OTHERS = '1000000000';

/** Both what is asked for, and what has to be deposited for it by the price. */
function isBelowMaximum(
  { amountMode, amount, currency, fundingCurrency }: PayoutRequest,
  baseAmount: string,
  limits: AmountLimits,
): boolean {
  const asked = { currency: amountMode === AMOUNT_MODE.SEND ? fundingCurrency : currency, amount };
  const deposit = { currency: fundingCurrency, amount: baseAmount };
  return [asked, deposit].every((one) => isWithinLimit(one, limits, MAX_OF_OTHERS));
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
