import { ApplicationFailure } from '@temporalio/activity';
import type { VerifiedDeposit } from '../src/book/deposits.js';
import { normaliseTransactionHash } from '../src/domain/identifiers.js';
import { compareAmounts } from '../src/domain/money.js';
import { QbitPayError } from '../src/qbitpay/errors.js';
import { BALANCE_TRANSACTION_STATUS, BALANCE_TRANSACTION_TYPE } from '../src/qbitpay/schemas.js';
import type { ActivityDependencies } from './dependencies.js';
import { toReadFailure } from './failure-mapping.js';
import { notYet } from './not-yet.js';

/** What an announcement claims; nothing of it counts before the provider's API shows the money. */
export interface DepositNotice {
  readonly providerDepositId: string | null;
  readonly currency: string;
  readonly amount: string;
  readonly address: string | null;
  readonly txHash: string | null;
}

export interface VerifyDepositInput {
  readonly depositKey: string;
  readonly notice: DepositNotice;
  readonly verifyIntervalMs: number;
}

export interface VerifiedAmount {
  readonly amount: string;
  readonly currency: string;
}

/** Reads until the provider shows the deposit's money, then writes the deposit into the book. */
export function createVerifyDeposit(deps: ActivityDependencies) {
  return async function verifyDeposit(input: VerifyDepositInput): Promise<VerifiedAmount> {
    const { book, settings } = deps;
    const events = await book.webhooks.pendingOf({ providerObjectId: input.depositKey });
    const verified = await asReadFailure(() =>
      settings.depositProof === 'available' ? proveByBalance(deps, input) : proveByTransaction(deps, input),
    );
    if (verified === undefined)
      throw notYet('the provider does not show the deposit', input.verifyIntervalMs);
    await book.webhooks.markHandled(events);
    return verified;
  };
}

async function asReadFailure<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof QbitPayError ? toReadFailure(error) : error;
  }
}

/** [I] A confirmed deposit shows as a balance transaction of its own; that one's amount is the truth. */
async function proveByTransaction(
  { book, qbitpay }: ActivityDependencies,
  { depositKey, notice }: VerifyDepositInput,
): Promise<VerifiedAmount | undefined> {
  if (notice.providerDepositId === null) {
    throw ApplicationFailure.create({
      type: 'DEPOSIT_UNVERIFIED',
      message: 'DEPOSIT_UNVERIFIED: the announcement names no deposit id to look for',
      nonRetryable: true,
    });
  }
  const page = await qbitpay.listBalanceTransactions({
    type: BALANCE_TRANSACTION_TYPE.DEPOSIT,
    source: notice.providerDepositId,
  });
  const transaction = page.data.find(
    ({ source, type, status }) =>
      source === notice.providerDepositId &&
      type === BALANCE_TRANSACTION_TYPE.DEPOSIT &&
      status === BALANCE_TRANSACTION_STATUS.AVAILABLE,
  );
  if (transaction === undefined) return undefined;
  // What arrived: `amount` is before the provider's fee (contract, section Balance transactions).
  const { amount: gross, net: amount = gross, currency } = transaction;
  if (compareAmounts(amount, '0') <= 0) return undefined;
  await book.deposits.recordVerified({
    ...toVerified(depositKey, notice, `balanceTransaction ${transaction.id}`),
    amount,
    currency,
  });
  return { amount, currency };
}

/** For a provider that shows none: what is available must hold all that the book claims, and the deposit too. */
async function proveByBalance(
  { book, qbitpay }: ActivityDependencies,
  { depositKey, notice }: VerifyDepositInput,
): Promise<VerifiedAmount | undefined> {
  const { amount, currency } = notice;
  if (await book.deposits.isKnown(depositKey)) return { amount, currency };
  const claimed = await book.deposits.claimedBalance(currency);
  if (claimed === undefined) return undefined;
  const balances = await qbitpay.listBalances({ currency });
  const available = balances.find((balance) => balance.currency === currency)?.available;
  if (available === undefined) return undefined;
  const covered = await book.deposits.recordIfCovered(
    toVerified(depositKey, notice, `available ${available}`),
    claimed,
    available,
  );
  return covered ? { amount, currency } : undefined;
}

function toVerified(depositKey: string, notice: DepositNotice, proof: string): VerifiedDeposit {
  return {
    depositKey,
    providerDepositId: notice.providerDepositId,
    txHash: notice.txHash === null ? null : normaliseTransactionHash(notice.txHash),
    currency: notice.currency,
    amount: notice.amount,
    address: notice.address,
    proof,
  };
}
