import type { z } from 'zod';
import type { DepositRecord } from '../store/ledger/ledger-records.js';
import { atCurrencyScale } from '../domain/money.js';
import type { DepositToRecord } from '../temporal/deposit-gateway.js';
import type { receivedDeposit, unverifiedDeposit } from './deposit-schemas.js';

/** What callers see of a deposit whose money the provider has shown. */
export function toReceivedDeposit(record: DepositRecord): z.output<typeof receivedDeposit> {
  const { depositId, providerDepositId, txHash, currency, address, status, unallocatedReason } = record;
  return {
    depositId,
    providerDepositId,
    txHash,
    currency,
    amount: atCurrencyScale(record.amount, currency),
    address,
    status,
    unallocatedReason,
    allocations: record.allocations.map(({ payoutId, amount, matchedBy }) => ({
      payoutId,
      amount: atCurrencyScale(amount, currency),
      matchedBy,
    })),
    verifiedAt: record.verifiedAt.toISOString(),
    decidedAt: record.decidedAt?.toISOString() ?? null,
  };
}

/** What callers see of a deposit that was only announced. */
export function toUnverifiedDeposit(
  depositId: string,
  { txHash, currency, amount }: DepositToRecord,
): z.output<typeof unverifiedDeposit> {
  return { depositId, status: 'unverified', txHash, currency, amount: atCurrencyScale(amount, currency) };
}
