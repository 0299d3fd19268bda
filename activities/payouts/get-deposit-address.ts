import type { Store } from '../../src/store/store.js';
import type { OpenOutcome } from '../../src/store/payouts/funding.js';
import { isSameCurrency } from '../../src/domain/currency-pair.js';
import { FAILURE_TYPE, FAILURES, type FailureType } from '../../src/domain/failure-type.js';
import { compareAmounts } from '../../src/domain/money.js';
import {
  findPayoutRequestProblems,
  FUNDING,
  fundingOf,
  type PayoutRequest,
} from '../../src/domain/payout-request.js';
import {
  depositFor,
  estimatedPostAmount,
  reachesMinimum,
  type FeeTerms,
  type ProviderMinimum,
} from '../../src/domain/quote.js';
import { QbitPayResponseError, RESPONSE_FLAW } from '../../src/qbitpay/errors.js';
import type { Account } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { Price } from './fetch-ticker.js';
import { toPayoutOrigin, type PayoutOriginInput } from './payout-origin.js';
import { superseded } from '../payout-state.js';

export interface GetDepositAddressInput {
  readonly payoutId: string;
  readonly origin: PayoutOriginInput;
  /** Null where nothing is sold, or where no market sells it. */
  readonly price: Price | null;
  readonly maxSlippageBps: number;
  readonly depositDeadlineSeconds: number;
}

export type GetDepositAddressResult =
  | Exclude<OpenOutcome, { kind: 'opened' }>
  | (Extract<OpenOutcome, { kind: 'opened' }> & {
      /** The provider payout that is being settled, where the store is that far already: after a reset. */
      readonly providerPayoutId?: string | null;
    })
  | { readonly kind: 'rejected'; readonly type: FailureType; readonly message: string };

/** Further on, whoever goes on from the store needs to know what is being settled. */
async function withProviderPayout(
  store: Store,
  payoutId: string,
  opened: OpenOutcome,
): Promise<GetDepositAddressResult> {
  if (opened.kind !== 'opened') return opened;
  const { providerPayoutId } = await superseded(store, payoutId);
  return { ...opened, providerPayoutId };
}

/** `GET /accounts/show`, and with it the payout and its expected deposit, or its reservation, enter the store. */
export function createGetDepositAddress({ store, qbitpay, settings }: ActivityDependencies) {
  return async function getDepositAddress(input: GetDepositAddressInput): Promise<GetDepositAddressResult> {
    const { request } = input.origin;
    const problems = findPayoutRequestProblems(request);
    if (problems.length > 0) {
      return rejected(FAILURE_TYPE.INVALID_REQUEST, problems.map((problem) => problem.field).join(', '));
    }
    // A workflow that was reset goes on from the store, whatever the provider would say to this request today.
    const before = await store.payouts.findOpened(input.origin);
    if (before !== undefined) return withProviderPayout(store, request.payoutId, before);
    if (input.price === null && !isSameCurrency(request)) return rejected(FAILURE_TYPE.NO_SUCH_PAIR);
    const account = await qbitpay.getAccount();
    const feeTerms = readFeeTerms(account, settings.feeSide);
    const minimum = readMinimum(account);
    const bid = input.price?.bid ?? '1';
    const refusal = refuseAmount(request, bid, feeTerms, minimum);
    if (refusal !== undefined) return rejected(refusal);
    const terms = {
      baseAmount: depositFor(request, bid, feeTerms, input.maxSlippageBps),
      feeTerms,
      estimatedPrice: input.price?.bid ?? null,
      minimum: minimum ?? null,
    };
    const origin = await toPayoutOrigin(store, input.origin);
    if (fundingOf(request) === FUNDING.BALANCE) return store.payouts.openFromBalance(origin, terms);
    const wallet = account.wallets.find(({ currency }) => currency === request.fundingCurrency);
    if (wallet === undefined) return rejected(FAILURE_TYPE.NO_DEPOSIT_ADDRESS);
    const network = settings.networks[request.fundingCurrency];
    if (network === undefined) return rejected(FAILURE_TYPE.NO_NETWORK);
    const { addr: address } = wallet;
    const deadlineSeconds = input.depositDeadlineSeconds;
    const outcome = await store.payouts.openForDeposit(origin, {
      ...terms,
      network,
      address,
      deadlineSeconds,
    });
    return outcome.kind === 'noFreeAmount' ? rejected(FAILURE_TYPE.NO_FREE_AMOUNT) : outcome;
  };
}

function rejected(type: FailureType, detail?: string): GetDepositAddressResult {
  const { meaning } = FAILURES[type];
  return { kind: 'rejected', type, message: detail === undefined ? meaning : `${meaning} (${detail})` };
}

function refuseAmount(
  request: PayoutRequest,
  bid: string,
  feeTerms: FeeTerms,
  minimum: ProviderMinimum | undefined,
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
  throw new QbitPayResponseError('getAccount', {
    status: 200,
    reason: RESPONSE_FLAW.UNEXPECTED_SHAPE,
    explanation: `${field} is not a rate from 0 to 1`,
  });
}

function readMinimum(account: Account): ProviderMinimum | undefined {
  const limit = account.limit.payout;
  return limit?.min === undefined ? undefined : { currency: limit.currency, amount: limit.min };
}
