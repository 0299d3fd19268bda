import type { z } from 'zod';
import type { CurrencyBalance, LedgerEntry, ProviderBalanceReading } from '../store/ledger/ledger-records.js';
import { atCurrencyScale } from '../domain/money.js';
import type { balance, ledgerEntry } from './ledger-schemas.js';

export function toLedgerEntry(entry: LedgerEntry): z.output<typeof ledgerEntry> {
  const { entryId, cause, causeId, fundingAccount, payoutId, depositId, actor, details } = entry;
  return {
    entryId,
    cause,
    causeId,
    fundingAccount,
    payoutId,
    depositId,
    actor,
    details: { ...details },
    at: entry.at.toISOString(),
    postings: entry.postings.map(({ account, payoutId, currency, amount }) => ({
      account,
      payoutId,
      currency,
      amount: atCurrencyScale(amount, currency),
    })),
  };
}

export function toBalance(record: CurrencyBalance): z.output<typeof balance> {
  const { fundingAccount, currency, reading } = record;
  const scaled = (amount: string): string => atCurrencyScale(amount, currency);
  return {
    fundingAccount,
    currency,
    available: scaled(record.available),
    reserved: scaled(record.reserved),
    inPayouts: scaled(record.inPayouts),
    unallocated: scaled(record.unallocated),
    returnPending: scaled(record.returnPending),
    external: scaled(record.external),
    rounding: scaled(record.rounding),
    shortfall: scaled(record.shortfall),
    ledger: scaled(record.provider),
    provider: reading === null ? null : toProviderBalance(reading, scaled),
  };
}

function toProviderBalance(
  { available, pending, readAt }: ProviderBalanceReading,
  scaled: (amount: string) => string,
) {
  return { available: scaled(available), pending: scaled(pending), readAt: readAt.toISOString() };
}
