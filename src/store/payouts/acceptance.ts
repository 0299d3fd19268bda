import { sql } from 'kysely';
import { compareAmounts } from '../../domain/money.js';
import {
  fundingOf,
  type DepositInstructions,
  type PayoutOrigin,
  type PayoutRequest,
} from '../../domain/payout-request.js';
import { isFinalStatus, PAYOUT_STATUS } from '../../domain/payout-status.js';
import type { PayoutPolicy } from '../../domain/policy.js';
import { inTransaction, type StoreDatabase } from '../database.js';
import { tellAnew } from '../mirror/workflow-hints.js';
import { missingDeposit, toInstructions } from './funding.js';
import { readPayoutState, type StoredPayoutState } from './payout-reading.js';
import { isCarriedBy, lockPayout, selectPayout } from './payout-transitions.js';
import { hashRequest } from './request-hash.js';
import type { PayoutRow } from '../schema.js';

/** The row of a payout is its commit point: what stands here is carried out, whatever becomes of its workflow. */

export const ACCEPTANCE = {
  /** Written now, by this call and by no other. */
  CREATED: 'created',
  /** The same request was accepted before. */
  KNOWN: 'known',
  /** The id belongs, for ever, to a payout with other content, or of another owner. */
  CONFLICT: 'conflict',
} as const;
export type Acceptance = (typeof ACCEPTANCE)[keyof typeof ACCEPTANCE];

/** Takes a payout on, as `opening`. The request must be a valid one. */
export async function accept(
  db: StoreDatabase,
  { request, maker, owner, policy }: PayoutOrigin,
): Promise<Acceptance> {
  const requestHash = await hashRequest(db, request);
  const inserted = await db
    .with('created', (cte) =>
      cte
        .insertInto('payouts')
        .values({
          payout_id: request.payoutId,
          request_hash: requestHash,
          maker,
          owner,
          policy: JSON.stringify(policy),
          amount: request.amount,
          currency: request.currency,
          amount_mode: request.amountMode,
          funding_currency: request.fundingCurrency,
          funding: fundingOf(request),
          destination: JSON.stringify(request.destination),
          description: request.description ?? null,
          status: PAYOUT_STATUS.OPENING,
        })
        .onConflict((conflict) => conflict.column('payout_id').doNothing())
        .returning(['payout_id', 'status', sql<string>`'requested'`.as('detail')]),
    )
    .insertInto('payout_timeline')
    .columns(['payout_id', 'status', 'detail'])
    .expression((eb) => eb.selectFrom('created').select(['payout_id', 'status', 'detail']))
    .returning('payout_id')
    .executeTakeFirst();
  if (inserted !== undefined) return ACCEPTANCE.CREATED;
  const existing = await selectPayout(db, request.payoutId).executeTakeFirstOrThrow();
  const isSame = existing.request_hash === requestHash && existing.owner === owner;
  return isSame ? ACCEPTANCE.KNOWN : ACCEPTANCE.CONFLICT;
}

/** What a run has to know of a payout to carry it; the destination is not among it: Temporal never sees it. */
export interface ClaimedPayout extends StoredPayoutState {
  readonly request: Pick<PayoutRequest, 'amount' | 'currency' | 'fundingCurrency'>;
  readonly policy: PayoutPolicy;
  readonly deposit: DepositInstructions | null;
  /** What it lacks of its deposit; null where nothing of one has come in. */
  readonly missing: string | null;
  /** False: a later run has claimed it, or it has ended and waits for nothing more. */
  readonly isCarried: boolean;
}

/**
 * Makes a workflow run the one that carries the payout: from then on no other run sends anything for it. A run that was
 * claimed over is told so. Repeating it changes nothing; undefined when there is no such payout.
 */
export async function claim(
  db: StoreDatabase,
  payoutId: string,
  runId: string,
): Promise<ClaimedPayout | undefined> {
  return inTransaction(db, async (trx) => {
    const row = await lockPayout(trx, payoutId);
    if (row === undefined) return undefined;
    const state = await readPayoutState(trx, payoutId);
    if (isCarriedBy(row, runId)) return toClaimed(row, state, true);
    const isOver = isFinalStatus(state.status) && !state.isReturnPending;
    if (isOver || row.run_ids.includes(runId)) return toClaimed(row, state, false);
    await trx
      .updateTable('payouts')
      .set({ run_ids: sql<string[]>`array_append(run_ids, ${runId})` })
      .where('payout_id', '=', payoutId)
      .execute();
    await tellAnew(trx, payoutId);
    return toClaimed(row, state, true);
  });
}

function toClaimed(row: PayoutRow, state: StoredPayoutState, isCarried: boolean): ClaimedPayout {
  const { amount, currency, funding_currency: fundingCurrency, policy } = row;
  const deposit = toInstructions(row);
  return {
    ...state,
    request: { amount, currency, fundingCurrency },
    policy,
    deposit,
    missing: compareAmounts(row.deposit_received, '0') === 0 ? null : missingDeposit(row),
    isCarried,
  };
}
