import { randomUUID } from 'node:crypto';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import type { Decision } from '../../src/store/controls/decisions.js';
import { REQUEST_OPERATION, REQUEST_STATE, type RequestState } from '../../src/store/schema.js';
import type { Discrepancy } from '../../src/store/payouts/discrepancies.js';
import type { SettlementReading } from '../../src/store/requests/settlements.js';
import { FAILURE_TYPE, type FailureType } from '../../src/domain/failure-type.js';
import type { PayoutRequest } from '../../src/domain/payout-request.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { ProviderPayoutStatus } from '../../src/domain/provider-status.js';
import { deposit, openPayout, openTestStore, readerOf, type TestStore, SENDER } from './test-store.js';
import type {
  OrderRecord,
  PayoutRecord,
  ProviderPayoutRecord,
} from '../../src/store/payouts/payout-reading.js';

/** Requests at every point of their way, in the store alone. */

export const ASKED = { amount: '700', currency: 'USDT' };
export const HOUR_SECONDS = 3_600;

let testStore: TestStore;
export const store = (): TestStore['store'] => testStore.store;
export const connections = (): TestStore['sql'] => testStore.sql;

/** A row for each session of this database that waits for a lock: the server has other databases' as well. */
export const WAITING_SESSIONS =
  'select from pg_locks join pg_stat_activity using (pid) where datname = current_database() and not granted';

/** The store of all tests of a file. */
export function useStore(): void {
  beforeAll(async () => {
    testStore = await openTestStore();
  });
  afterAll(() => testStore.close());
}

export const rowsOf = async (query: string, ...values: unknown[]) =>
  (await testStore.sql.query(query, values)).rows;
export const read = (payoutId: string): Promise<PayoutRecord> => store().payouts.getPayout(payoutId);
export const causesOf = async (payoutId: string): Promise<string[]> =>
  (await rowsOf('select cause from ledger_entries where payout_id = $1 order by entry_id', payoutId)).map(
    ({ cause }) => cause,
  );

export interface Prepared {
  readonly payoutId: string;
  readonly id: ProviderRequestId;
}

/** Funded in the payout currency, and about to be sent. */
export async function preparePayout(changes: Partial<PayoutRequest> = {}): Promise<Prepared> {
  const { payoutId, amount } = await openPayout(
    store(),
    {
      amount: '700',
      currency: 'USDT',
      destination: { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'T-wallet' },
      ...changes,
    },
    { baseAmount: '703.5' },
  );
  await deposit(store(), amount);
  const id = { operation: REQUEST_OPERATION.PAYOUT, externalOrderId: payoutId };
  await store().requests.prepare(payoutId, id, 'sending');
  return { payoutId, id };
}

export async function prepareOrder(): Promise<Prepared> {
  const { payoutId, amount } = await openPayout(store());
  await deposit(store(), amount);
  const id = { operation: REQUEST_OPERATION.ORDER, externalOrderId: payoutId };
  await store().requests.prepare(payoutId, id, 'selling');
  return { payoutId, id };
}

/** Sent, and nobody knows what became of it. */
export async function sendUnknown(prepare: () => Promise<Prepared> = preparePayout): Promise<Prepared> {
  const prepared = await prepare();
  expect(await store().requests.claim(prepared.id, SENDER, ASKED)).toBe(1);
  await store().requests.endUnknown(prepared.id, 1);
  return prepared;
}

export async function resend({ id }: Prepared): Promise<void> {
  expect(await store().requests.authoriseResend(id, 1, 'tester')).toBe(true);
  expect(await store().requests.claim(id, SENDER, ASKED)).toBe(2);
}

export const holdAbout = (
  { payoutId, id }: Prepared,
  reason: FailureType,
  states: readonly RequestState[],
  sends?: number,
): Promise<void> =>
  store().payouts.holdPayout(payoutId, {
    reason,
    detail: 'a test holds it',
    about: { id, states, ...(sends === undefined ? {} : { sends }) },
  });

export async function holdUnknown(prepare?: () => Promise<Prepared>): Promise<Prepared> {
  const sent = await sendUnknown(prepare);
  await holdAbout(sent, FAILURE_TYPE.UNKNOWN_OUTCOME, [REQUEST_STATE.UNKNOWN], 1);
  expect(await read(sent.payoutId)).toMatchObject({ status: 'held', holdReason: 'UNKNOWN_OUTCOME' });
  return sent;
}

export const accepted = (
  { id }: Prepared,
  changes: Partial<ProviderPayoutRecord> = {},
): ProviderPayoutRecord => ({
  externalOrderId: id.externalOrderId,
  providerPayoutId: randomUUID(),
  currency: 'USDT',
  postAmount: '700',
  recipientAmount: '700',
  fee: '3.5',
  status: 'pending',
  ...changes,
});

/** QbitPay has it; answers with its id there. */
export async function accept(
  sent: Prepared,
  changes: Partial<ProviderPayoutRecord> = {},
  discrepancy?: Discrepancy,
): Promise<string> {
  const payout = accepted(sent, changes);
  await store().requests.accept(sent.payoutId, payout, discrepancy);
  return payout.providerPayoutId;
}

export const PAID = { status: PAYOUT_STATUS.PAID, detail: 'settled' };
const FAILURE = { type: FAILURE_TYPE.PAYOUT_FAILED, message: 'failed' };
export const FAILED = { status: PAYOUT_STATUS.FAILED, detail: 'failed', failure: FAILURE };
export const HELD_AS_FAILED = {
  status: PAYOUT_STATUS.HELD,
  detail: 'failed',
  holdReason: FAILURE_TYPE.ATTEMPT_FAILED,
};

export const settle = async (
  payoutId: string,
  providerPayoutId: string,
  status: ProviderPayoutStatus,
  outcome: SettlementReading['outcome'],
  currency = 'USDT',
) => {
  await store().requests.recordSettlement(payoutId, {
    providerPayoutId,
    currency,
    recipientAmount: '700',
    fee: '3.5',
    status,
    outcome,
  });
  return store().payouts.readPayoutState(payoutId);
};

/** All that an attempt took is there again. */
export const giveBack = (payoutId: string, providerPayoutId: string) =>
  store().requests.recordReturn(payoutId, {
    providerPayoutId,
    balanceTransactionId: randomUUID(),
    currency: 'USDT',
    net: '703.5',
  });

export const orderOf = ({ id }: Prepared, changes: Partial<OrderRecord> = {}): OrderRecord => ({
  externalOrderId: id.externalOrderId,
  providerOrderId: randomUUID(),
  symbol: 'USDT/CNY',
  amount: '700',
  price: '6.97',
  quoteAmount: '4879',
  fee: '0',
  status: 'filled',
  ...changes,
});

export const decision = (payoutId: string): Decision => ({
  operationId: randomUUID(),
  payoutId,
  actor: 'tester',
  reason: 'as agreed',
});

export async function checkAbsence(id: ProviderRequestId): Promise<number> {
  const { mirror, requests } = store();
  const reader = await readerOf(store());
  const beganAt = await mirror.readClock();
  await reader.noteAbsenceChecks({ kind: 'payout', beganAt, since: new Date(0), isWhole: true });
  return (await requests.get(id)).absenceChecks;
}

/** As if it had left two hours ago. */
export async function letTimePass({ externalOrderId }: ProviderRequestId): Promise<void> {
  await rowsOf(
    `update provider_requests set last_sent_at = last_sent_at - interval '2 hours' where external_order_id = $1`,
    externalOrderId,
  );
}
