import { ApplicationFailure } from '@temporalio/activity';
import type { VerifiedDeposit } from '../../src/store/deposits/verified-deposits.js';
import type { PendingWebhook } from '../../src/store/webhooks/webhook-inbox.js';
import { FAILURE_TYPE, type FailureType } from '../../src/domain/failure-type.js';
import { normaliseTransactionHash } from '../../src/domain/identifiers.js';
import { BALANCE_TRANSACTION_TYPE } from '../../src/domain/provider-status.js';
import type { BalanceTransaction } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { DepositNotice } from './deposit-notice.js';
import { RetryLaterError } from '../retry-later.js';
import { ensureOpeningBalances } from '../provider/opening-balances.js';
import { arrivedWith, findShownDeposits, isThere } from './shown-deposits.js';

export interface VerifyDepositInput {
  readonly payoutId: null;
  readonly depositKey: string;
  readonly notice: DepositNotice;
  readonly verifyIntervalMs: number;
}

export interface DepositProof {
  /** The key that the store knows the deposit by: another one when it was announced before under another name. */
  readonly depositKey: string;
}

/** Reads until the provider shows the deposit's money, then writes the deposit into the store. */
export function createVerifyDeposit(deps: ActivityDependencies) {
  return async function verifyDeposit(input: VerifyDepositInput): Promise<DepositProof> {
    const { store, settings } = deps;
    const events = await store.webhooks.pendingWebhooksOf({ providerObjectId: input.depositKey });
    await ensureOpeningBalances(deps);
    const prove = settings.depositProof === 'available' ? proveByBalance : proveByTransaction;
    const depositKey = await prove(deps, input);
    if (depositKey === undefined) {
      throw new RetryLaterError('the provider does not show the deposit', {
        afterMs: input.verifyIntervalMs,
      });
    }
    if (input.notice.txHash === null) await learnFrom(deps, events);
    await store.webhooks.markWebhooksHandled(events);
    return { depositKey };
  };
}

/**
 * Reconciliation knows of no transaction, but a notice that came while the money was awaited may: dispatched again, now
 * that the deposit is in the store, it is learnt from.
 */
async function learnFrom(
  { dispatchWebhook }: ActivityDependencies,
  events: readonly PendingWebhook[],
): Promise<void> {
  for (const { webhookEventId } of events) await dispatchWebhook(webhookEventId);
}

/** [I] A confirmed deposit shows as a balance transaction of its own; that one's amount is the truth. */
async function proveByTransaction(
  deps: ActivityDependencies,
  { depositKey, notice }: VerifyDepositInput,
): Promise<string | undefined> {
  const transaction =
    notice.providerDepositId === null
      ? await findUnexplained(deps, depositKey, notice)
      : await findTransactionOf(deps, notice.providerDepositId);
  if (typeof transaction === 'string' || transaction === undefined) return transaction;
  const { openedAt } = await deps.store.ledger.readAccountOpening();
  if (Date.parse(transaction.createdAt) < openedAt.getTime()) {
    throw hopeless(FAILURE_TYPE.PART_OF_OPENING_BALANCE);
  }
  return deps.store.deposits.recordVerifiedDeposit({
    ...toVerified(depositKey, notice, `balanceTransaction ${transaction.id}`),
    providerDepositId: transaction.source ?? null,
    amount: arrivedWith(transaction),
    currency: transaction.currency,
  });
}

async function findTransactionOf(
  { qbitpay }: ActivityDependencies,
  providerDepositId: string,
): Promise<BalanceTransaction | undefined> {
  const page = await qbitpay.listBalanceTransactions({
    type: BALANCE_TRANSACTION_TYPE.DEPOSIT,
    source: providerDepositId,
  });
  return page.data.find(({ source, ...rest }) => source === providerDepositId && isThere(rest));
}

/**
 * For a deposit of which only its transaction on the chain is known, which the provider does not show: the one
 * unexplained deposit of exactly this amount. Of two nothing can be said; then the provider's notice decides.
 */
async function findUnexplained(
  { store, qbitpay }: ActivityDependencies,
  depositKey: string,
  notice: DepositNotice,
): Promise<BalanceTransaction | string | undefined> {
  const { providerDepositId, currency, amount } = notice;
  const txHash = notice.txHash === null ? null : normaliseTransactionHash(notice.txHash);
  const known = await store.deposits.findDepositKey({ depositKey, providerDepositId, txHash });
  if (known !== undefined) return known;
  const candidates = await findShownDeposits(qbitpay, { currency, amount });
  const explained = await store.deposits.findExplainedDeposits(
    candidates.flatMap(({ source }) => source ?? []),
  );
  const unexplained = candidates.filter(({ source }) => source !== undefined && !explained.has(source));
  return unexplained.length === 1 ? unexplained[0] : undefined;
}

/** No further reading will help: a person has to look. */
function hopeless(type: FailureType): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message: `${type}: not a deposit to be booked`,
    nonRetryable: true,
  });
}

/** For a provider that shows none: what is available must hold all that the store claims, and the deposit too. */
async function proveByBalance(
  { store, qbitpay }: ActivityDependencies,
  { depositKey, notice }: VerifyDepositInput,
): Promise<string | undefined> {
  const { currency } = notice;
  const claimed = await store.ledger.claimedBalance(currency);
  if (claimed === undefined) return undefined;
  const balances = await qbitpay.listBalances({ currency });
  const available = balances.find((balance) => balance.currency === currency)?.available;
  if (available === undefined) return undefined;
  return store.deposits.recordDepositIfCovered(
    toVerified(depositKey, notice, `available ${available}`),
    claimed,
    available,
  );
}

function toVerified(depositKey: string, notice: DepositNotice, proof: string): VerifiedDeposit {
  return {
    depositKey,
    providerDepositId: notice.providerDepositId,
    txHash: notice.txHash === null ? null : normaliseTransactionHash(notice.txHash),
    currency: notice.currency,
    amount: notice.amount,
    address: notice.address,
    isByHand: notice.providerDepositId === null,
    proof,
  };
}
