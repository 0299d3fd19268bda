import { Migrator } from 'kysely';
import type { Pool } from 'pg';
import { createBookDatabase } from '../../src/book/database.js';
import * as quickstart from '../../src/book/migrations/0001-quickstart.js';

/** Brings an empty database to the schema before there was a ledger. */
export async function migrateToFirstSchema(url: string): Promise<void> {
  const db = createBookDatabase({ url, onIdleError: () => undefined });
  const provider = { getMigrations: () => Promise.resolve({ '0001-quickstart': quickstart }) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  await db.destroy();
  if (error !== undefined) throw new Error('the first migration failed', { cause: error });
}

interface OldPayout {
  readonly payoutId: string;
  readonly status: string;
  /** Expected, and if not said otherwise received. */
  readonly depositAmount: string;
  readonly received?: string;
  readonly holdReason?: string;
  /** 720 USDT sold at 7: filled, or not yet. */
  readonly order?: 'filled' | 'open';
  /** 5000.00 CNY and a fee of 25.00: the provider's word for how it stands. */
  readonly attempt?: string;
}

export async function insertOldPayout(sql: Pool, payout: OldPayout): Promise<void> {
  const { payoutId, status, depositAmount, received = depositAmount } = payout;
  await sql.query(
    `insert into payouts (payout_id, request_hash, first_execution_run_id, maker, amount, currency, amount_mode,
       funding_currency, destination, status, hold_reason, deposit_network, deposit_address, deposit_amount,
       deposit_received, deposit_expires_at, fee_side, payout_fee_rate, trade_fee_rate, estimated_price, created_at)
     values ($1, 'hash', $2, 'test', 5000, 'CNY', 'receive', 'USDT', '{"type": "bankAccount"}', $3, $4, 'TRC20', '0xA',
       $5, $6, now() + interval '1 hour', 'added', 0.005, 0, 6.97, now())`,
    [payoutId, `run-of-${payoutId}`, status, payout.holdReason ?? null, depositAmount, received],
  );
  await sql.query(`insert into expected_amounts (currency, amount, payout_id) values ('USDT', $1, $2)`, [
    depositAmount,
    payoutId,
  ]);
  if (received !== '0') {
    await insertOldDeposit(sql, { key: `dep-${payoutId}`, amount: received, payoutId, status: 'allocated' });
  }
  if (payout.order !== undefined) {
    await insertFence(sql, 'order', payoutId);
    await sql.query(
      `insert into provider_orders (external_order_id, payout_id, provider_order_id, symbol, amount, price,
         quote_amount, fee, status) values ($1, $1, 'ord-' || $1, 'USDT/CNY', 720, 7, 5040, 0, $2)`,
      [payoutId, payout.order],
    );
  }
  if (payout.attempt !== undefined) {
    await insertFence(sql, 'payout', payoutId);
    await sql.query(
      `insert into provider_payouts (external_order_id, payout_id, provider_payout_id, currency, post_amount,
         recipient_amount, fee, status) values ($1, $1, 'po-' || $1, 'CNY', 5000, 5000, 25, $2)`,
      [payoutId, payout.attempt],
    );
  }
}

async function insertFence(sql: Pool, operation: string, payoutId: string): Promise<void> {
  await sql.query(
    `insert into fences (operation, external_order_id, payout_id, state, sends) values ($1, $2, $2, 'accepted', 1)`,
    [operation, payoutId],
  );
}

interface OldDeposit {
  readonly key: string;
  readonly amount: string;
  readonly status: string;
  readonly payoutId?: string;
  readonly parkReason?: string;
  readonly txHash?: string;
}

export async function insertOldDeposit(sql: Pool, deposit: OldDeposit): Promise<void> {
  const { key, amount, status, payoutId = null, parkReason = null, txHash = null } = deposit;
  await sql.query(
    `insert into deposits (deposit_key, provider_deposit_id, tx_hash, currency, amount, address, proof, status,
       payout_id, matched_by, park_reason, decided_at)
     values ($1, $1, $2, 'USDT', $3, '0xA', 'bt', $4, $5, $6, $7, now())`,
    [key, txHash, amount, status, payoutId, status === 'allocated' ? 'exactAmount' : null, parkReason],
  );
}
