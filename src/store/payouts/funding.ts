import { randomInt } from 'node:crypto';
import { sql } from 'kysely';
import { tailDigitsFor, tailsOf, withTail } from '../../domain/deposit-amount.js';
import { FAILURE_TYPE, type Failure } from '../../domain/failure-type.js';
import { compareAmounts, subtractAmounts, type Money } from '../../domain/money.js';
import { DEPOSIT_MATCH, type DepositInstructions, type DepositMatch } from '../../domain/payout-request.js';
import { canTransition, isFinalStatus, PAYOUT_STATUS } from '../../domain/payout-status.js';
import type { FeeTerms } from '../../domain/quote.js';
import { inSnapshot, inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { lockLedger } from '../ledger/journal.js';
import { findForgotten, forgottenWords } from '../mirror/unexplained-objects.js';
import { hintOwners } from '../mirror/unread-objects.js';
import { whyAtProvider } from '../requests/accepted-requests.js';
import { DONE, refuse, type Outcome, type Refusal } from '../outcome.js';
import { toDeposit } from './payout-reading.js';
import { lockExistingPayout, movePayout, selectPayout, transitionPayout } from './payout-transitions.js';
import { freeFunds, reserve } from './reservations.js';
import { OBJECT_KIND, type PayoutRow } from '../schema.js';

/** Opens payouts, and closes them before their money has left. Allocation locks the same row. */

/** What a payout needs, and by which terms that was computed. */
export interface QuotedTerms {
  /** In the funding currency; of a deposit before the tail that makes it unique. */
  readonly baseAmount: string;
  readonly feeTerms: FeeTerms;
  /** The bid that the amounts were computed with; null where nothing is sold. */
  readonly estimatedPrice: string | null;
  readonly minimum: Money | null;
}

export interface FundingTerms extends QuotedTerms {
  readonly network: string;
  readonly address: string;
  readonly deadlineSeconds: number;
  /** How many digits tell the payout's deposit from others, where the amount has room for them. */
  readonly tailDigits: number;
}

/** Now, or before: what the payout then expects. */
export interface OpenOutcome {
  readonly kind: 'opened';
  readonly deposit: DepositInstructions | null;
}

/**
 * Gives an accepted payout the amount that it expects; repeating it answers with what the store has. Undefined when too
 * many payouts wait for the same amount.
 */
export async function openForDeposit(
  db: StoreDatabase,
  payoutId: string,
  terms: FundingTerms,
): Promise<OpenOutcome | undefined> {
  return inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    if (row.status !== PAYOUT_STATUS.OPENING) return toOpened(row);
    const expected = await expectAmount(trx, row, terms);
    if (expected === undefined) return undefined;
    const { amount, matchedBy } = expected;
    const opened = await movePayout(trx, row, PAYOUT_STATUS.AWAITING_DEPOSIT, {
      detail: `waiting for ${amount} ${row.funding_currency}`,
      columns: {
        ...toColumns(terms),
        deposit_network: terms.network,
        deposit_address: terms.address,
        deposit_amount: amount,
        deposit_matched_by: matchedBy,
        deposit_expires_at: sql<Date>`clock_timestamp() + make_interval(secs => ${terms.deadlineSeconds})`,
      },
    });
    return toOpened(opened);
  });
}

/** Opens a payout that the balance funds, and reserves its money if there is enough and it is first in line. */
export async function openFromBalance(
  db: StoreDatabase,
  payoutId: string,
  terms: QuotedTerms,
): Promise<OpenOutcome> {
  return inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    if (row.status === PAYOUT_STATUS.OPENING) {
      // First come, first served: who opens first gets what is there; who has to wait does so in the order of acceptance.
      await lockLedger(trx, [row.currency, row.funding_currency]);
      const opened = await movePayout(trx, row, PAYOUT_STATUS.AWAITING_BALANCE, {
        detail: 'paid from the available balance',
        columns: { ...toColumns(terms), deposit_amount: terms.baseAmount },
      });
      await reserve(trx, opened);
    }
    return { kind: 'opened', deposit: null };
  });
}

function toColumns({ feeTerms, estimatedPrice, minimum }: QuotedTerms) {
  return {
    fee_side: feeTerms.side,
    payout_fee_rate: feeTerms.payoutRate,
    trade_fee_rate: feeTerms.tradeRate,
    estimated_price: estimatedPrice,
    minimum_amount: minimum?.amount ?? null,
    minimum_currency: minimum?.currency ?? null,
  };
}

function toOpened(row: PayoutRow): OpenOutcome {
  return { kind: 'opened', deposit: toInstructions(row) };
}

export function toInstructions(row: PayoutRow): DepositInstructions | null {
  const deposit = toDeposit(row);
  if (deposit === null) return null;
  const { currency, network, address, amount, matchedBy, expiresAt } = deposit;
  return { currency, network, address, amount, matchedBy, expiresAtMs: expiresAt.getTime() };
}

/** Where so many tails in a row are taken, hardly any is free. */
const TAILS_TRIED = 100;

/** An amount that no open or resting payout expects, and that this one expects from now on. */
async function expectAmount(
  trx: StoreTransaction,
  row: PayoutRow,
  { baseAmount, tailDigits }: FundingTerms,
): Promise<ExpectedAmount | undefined> {
  const currency = row.funding_currency;
  const digits = tailDigitsFor(baseAmount, currency, tailDigits);
  if (digits === undefined) return { amount: baseAmount, matchedBy: DEPOSIT_MATCH.TRANSACTION };
  for (let tried = 0; tried < TAILS_TRIED; tried += 1) {
    const amount = withTail(baseAmount, currency, digits, randomInt(tailsOf(digits)));
    const free = await trx
      .insertInto('expected_deposits')
      .values({ currency, amount, payout_id: row.payout_id, rests_until: null })
      .onConflict((conflict) =>
        conflict
          .columns(['funding_account', 'currency', 'amount'])
          .doUpdateSet({ payout_id: row.payout_id, rests_until: null })
          .where('expected_deposits.rests_until', '<', NOW),
      )
      .returning('amount')
      .executeTakeFirst();
    if (free !== undefined) return { amount, matchedBy: DEPOSIT_MATCH.AMOUNT };
  }
  return undefined;
}

interface ExpectedAmount {
  readonly amount: string;
  readonly matchedBy: DepositMatch;
}

export interface FundingClosing {
  readonly payoutId: string;
  readonly to: 'cancelled' | 'expired' | 'failed' | 'rejected';
  readonly detail: string;
  readonly failure?: Failure;
}

/**
 * Ends a payout before its money has left; what it has is freed. Locks the row that allocation locks, so that
 * a deposit is either in before the end or late. Repeating it answers with what the store has.
 */
export async function closeFunding(db: StoreDatabase, closing: FundingClosing): Promise<Outcome> {
  return inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, closing.payoutId);
    if (row.status === closing.to) return DONE;
    const why = await whyNotClosed(trx, row, closing.to);
    if (why !== undefined) return refuse(why);
    // A cancellation is refused where there is any.
    const isCancelled = closing.to === PAYOUT_STATUS.CANCELLED;
    const forgotten = isCancelled ? [] : await findForgotten(trx, row.payout_id);
    const isTouched = forgotten.length > 0 || compareAmounts(row.deposit_received, '0') > 0;
    if (closing.to === PAYOUT_STATUS.EXPIRED && isTouched) {
      if (isFunded(row)) return refuse('its deposit came in time');
      return holdUnderfunded(trx, row, forgotten.map(forgottenWords));
    }
    await transitionPayout(trx, row, closing.to, closing);
    await freeFunds(trx, row);
    // It does not change again by itself: that it is of a payout that has ended is news now.
    const payouts = forgotten.filter(({ kind }) => kind === OBJECT_KIND.PAYOUT);
    await hintOwners(
      trx,
      OBJECT_KIND.PAYOUT,
      payouts.map(({ providerId }) => providerId),
    );
    return DONE;
  });
}

/** Why a payout cannot end so, whatever QbitPay shows by now. */
async function whyNotClosed(
  trx: StoreTransaction,
  row: PayoutRow,
  to: FundingClosing['to'],
): Promise<string | undefined> {
  if (isFinalStatus(row.status)) return `it has ended as ${row.status}`;
  const atProvider = await whyAtProvider(trx, row);
  if (!canTransition(row.status, to)) return atProvider ?? `it is ${row.status}`;
  if (atProvider !== undefined || to !== PAYOUT_STATUS.CANCELLED) return atProvider;
  return (await findForgotten(trx, row.payout_id)).map(forgottenWords).at(0);
}

/** Why a payout cannot be cancelled, as the store knows; undefined where QbitPay has to be read to know it. */
export async function whyNotCancelled(db: StoreDatabase, payoutId: string): Promise<string | undefined> {
  return inSnapshot(db, async (trx) => {
    const row = await selectPayout(trx, payoutId).executeTakeFirstOrThrow();
    return whyNotClosed(trx, row, PAYOUT_STATUS.CANCELLED);
  });
}

/**
 * A part of the deposit is there, which an end would take from its payout; or QbitPay carries it out, so that the deposit
 * was there before the store has forgotten it.
 */
async function holdUnderfunded(
  trx: StoreTransaction,
  row: PayoutRow,
  forgotten: readonly string[],
): Promise<Refusal> {
  const missing = `the deadline passed and ${missingDeposit(row)} ${row.funding_currency} is missing`;
  const detail = [missing, ...forgotten].join('; ');
  await transitionPayout(trx, row, PAYOUT_STATUS.HELD, { detail, holdReason: FAILURE_TYPE.UNDERFUNDED });
  return refuse(detail);
}

function isFunded(row: PayoutRow): boolean {
  return row.deposit_amount !== null && compareAmounts(missingDeposit(row), '0') === 0;
}

export async function readMissingDeposit(db: StoreDatabase, payoutId: string): Promise<string> {
  return missingDeposit(await selectPayout(db, payoutId).executeTakeFirstOrThrow());
}

/** What a payout still lacks of its expected deposit. */
export function missingDeposit(row: Pick<PayoutRow, 'deposit_amount' | 'deposit_received'>): string {
  const missing = subtractAmounts(row.deposit_amount ?? '0', row.deposit_received);
  return compareAmounts(missing, '0') > 0 ? missing : '0';
}
