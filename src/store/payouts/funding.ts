import { sql } from 'kysely';
import { FAILURE_TYPE, type Failure } from '../../domain/failure-type.js';
import {
  addAmounts,
  compareAmounts,
  multiply,
  smallestUnit,
  subtractAmounts,
  type Money,
} from '../../domain/money.js';
import type { DepositInstructions } from '../../domain/payout-request.js';
import { canTransition, isFinalStatus, PAYOUT_STATUS } from '../../domain/payout-status.js';
import type { FeeTerms } from '../../domain/quote.js';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { lockLedger } from '../ledger/journal.js';
import { whyAtProvider } from '../requests/accepted-requests.js';
import { DONE, refuse, type Outcome, type Refusal } from '../outcome.js';
import { toDeposit } from './payout-reading.js';
import { lockExistingPayout, selectPayout, transitionPayout } from './payout-transitions.js';
import { freeFunds, reserve } from './reservations.js';
import type { PayoutRow } from '../schema.js';

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
}

/** Now, or before: what the payout then expects. */
export interface OpenOutcome {
  readonly kind: 'opened';
  readonly deposit: DepositInstructions | null;
}

/** The tail that makes an amount unique is at most this many smallest units, and this part of the amount. */
const MAX_TAIL_UNITS = 99_999;
const MAX_TAIL_FRACTION = '0.01';

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
    const amount = await findFreeAmount(trx, row.funding_currency, terms.baseAmount);
    if (amount === undefined) return undefined;
    await trx
      .insertInto('expected_deposits')
      .values({ currency: row.funding_currency, amount, payout_id: payoutId, rests_until: null })
      .execute();
    await transitionPayout(trx, row, PAYOUT_STATUS.AWAITING_DEPOSIT, {
      detail: `waiting for ${amount} ${row.funding_currency}`,
      columns: {
        ...toColumns(terms),
        deposit_network: terms.network,
        deposit_address: terms.address,
        deposit_amount: amount,
        deposit_expires_at: sql<Date>`clock_timestamp() + make_interval(secs => ${terms.deadlineSeconds})`,
      },
    });
    return toOpened(await lockExistingPayout(trx, payoutId));
  });
}

/** Opens a payout that the available balance funds, and reserves its money if there is enough and it is first in line. */
export async function openFromBalance(
  db: StoreDatabase,
  payoutId: string,
  terms: QuotedTerms,
): Promise<OpenOutcome> {
  return inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    if (row.status === PAYOUT_STATUS.OPENING) {
      // First come, first served: who opens first gets what is there; who has to wait does so in the order of acceptance.
      await lockLedger(trx);
      await transitionPayout(trx, row, PAYOUT_STATUS.AWAITING_BALANCE, {
        detail: 'paid from the available balance',
        columns: { ...toColumns(terms), deposit_amount: terms.baseAmount },
      });
      await reserve(trx, await lockExistingPayout(trx, payoutId));
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
  const { currency, network, address, amount, expiresAt } = deposit;
  return { currency, network, address, amount, expiresAtMs: expiresAt.getTime() };
}

/** The lowest amount from the base upwards that no open or resting payout expects; undefined when none is near. */
async function findFreeAmount(
  trx: StoreTransaction,
  currency: string,
  baseAmount: string,
): Promise<string | undefined> {
  // One opening at a time per currency: two would find the same free amount.
  await sql`select pg_advisory_xact_lock(hashtext('expected_deposits'), hashtext(${currency}))`.execute(trx);
  await trx
    .deleteFrom('expected_deposits')
    .where('currency', '=', currency)
    .where('rests_until', '<', NOW)
    .execute();
  const unit = smallestUnit(currency);
  const longestTail = multiply(unit, MAX_TAIL_UNITS);
  const largestTail = multiply(baseAmount, MAX_TAIL_FRACTION);
  const tail = compareAmounts(longestTail, largestTail) < 0 ? longestTail : largestTail;
  const last = addAmounts(baseAmount, tail);
  const { rows } = await sql<{ amount: string }>`
    select amount from (
      select generate_series(${baseAmount}::numeric, ${last}::numeric, ${unit}::numeric) as amount
    ) as candidate
    where not exists (
      select from expected_deposits as taken
      where taken.funding_account = 'main' and taken.currency = ${currency} and taken.amount = candidate.amount)
    limit 1`.execute(trx);
  return rows[0]?.amount;
}

export interface FundingClosing {
  readonly payoutId: string;
  readonly to: 'cancelled' | 'expired' | 'failed' | 'rejected';
  readonly detail: string;
  readonly failure?: Failure;
}

/**
 * Ends a payout before its money has left; what it has becomes available. Locks the row that allocation locks, so that
 * a deposit is either in before the end or late. Repeating it answers with what the store has.
 */
export async function closeFunding(db: StoreDatabase, closing: FundingClosing): Promise<Outcome> {
  return inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, closing.payoutId);
    if (row.status === closing.to) return DONE;
    if (isFinalStatus(row.status)) return refuse(`it has ended as ${row.status}`);
    const atProvider = await whyAtProvider(trx, row.payout_id);
    if (!canTransition(row.status, closing.to)) return refuse(atProvider ?? `it is ${row.status}`);
    if (closing.to === PAYOUT_STATUS.EXPIRED && compareAmounts(row.deposit_received, '0') > 0) {
      return isFunded(row) ? refuse('its deposit came in time') : holdUnderfunded(trx, row);
    }
    if (atProvider !== undefined) return refuse(atProvider);
    await transitionPayout(trx, row, closing.to, closing);
    await freeFunds(trx, row);
    return DONE;
  });
}

/** A part of the deposit is there: an end would take it from its payout. */
async function holdUnderfunded(trx: StoreTransaction, row: PayoutRow): Promise<Refusal> {
  const detail = `the deadline passed and ${missingDeposit(row)} ${row.funding_currency} is missing`;
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
