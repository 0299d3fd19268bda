import { addAmounts, compareAmounts, CURRENCY_PATTERN, isPayableAmount } from '../domain/money.js';
import { type ControlSurface, findOr404 } from './control-calls.js';
import type { EntityTable, StoredRecord } from './entity-table.js';
import { badRequest } from './provider-error.js';
import { PAYOUT_STATUSES, type PayoutRecord, type ShownPayout } from './records.js';
import type { RequestFields } from './request-fields.js';
import { balanceView, depositView, orderView, payoutView, shownPayout } from './wire-views.js';

/** Control calls after which the account no longer agrees with what its client knows, or with itself. */
export function registerDiscrepancyControl(surface: ControlSurface): void {
  const { ledger, payouts } = surface.core;
  surface.on('POST', '/balances/adjust', ({ fields }) => {
    const { currency, amount } = readAdjustment(fields);
    return balanceView(ledger.adjust(currency, amount));
  });
  surface.on('POST', '/dashboard/payouts', ({ fields }) => payoutView(payouts.createInDashboard(fields)));
  registerForgetting(surface);
  registerOverwriting(surface);
}

function registerForgetting(surface: ControlSurface): void {
  const { state } = surface.core;
  surface.on('POST', '/payouts/{id}/forget', ({ id, fields }) => {
    fields.end();
    return payoutView(shownPayout(forget(state.payouts, id, 'payout')));
  });
  surface.on('POST', '/orders/{id}/forget', ({ id, fields }) => {
    fields.end();
    return orderView(forget(state.orders, id, 'order'));
  });
  surface.on('POST', '/deposits/{id}/forget', ({ id, fields }) => {
    fields.end();
    const deposit = findOr404(state.deposits.get(id), 'deposit');
    if (deposit.balanceTransactionId === null) {
      throw badRequest('the deposit brought no money, so there is nothing to forget', 'id');
    }
    forget(state.balanceTransactions, deposit.balanceTransactionId, 'balance transaction');
    return depositView(deposit);
  });
}

/** The record stays, and so does the money that it moved; the API denies it. */
function forget<R extends StoredRecord & { readonly forgotten?: boolean | undefined }>(
  table: EntityTable<R>,
  id: string,
  what: string,
): R {
  return table.put({ ...findOr404(table.get(id), what), forgotten: true });
}

function registerOverwriting(surface: ControlSurface): void {
  const { payouts } = surface.core.state;
  surface.on('POST', '/payouts/{id}/overwrite', ({ id, fields }) => {
    const payout = findOr404(payouts.get(id), 'payout');
    const shown = readShown(fields, payout);
    return payoutView(shownPayout(payouts.put({ ...payout, shown })));
  });
}

/** What is left out stays as it was shown before. */
function readShown(fields: RequestFields, { currency, shown }: PayoutRecord): ShownPayout {
  const amount = fields.optionalAmount('amount');
  const fee = fields.optionalDecimal('fee');
  const status = fields.optionalChoice('status', PAYOUT_STATUSES) ?? shown?.status;
  fields.end();
  assertFits('amount', amount ?? '0', currency);
  assertFits('fee', fee ?? '0', currency);
  return { amount: amount ?? shown?.amount, fee: fee ?? shown?.fee, status };
}

function readAdjustment(fields: RequestFields): { currency: string; amount: string } {
  const currency = fields.text('currency');
  const amount = fields.signedAmount('amount');
  fields.end();
  if (!CURRENCY_PATTERN.test(currency)) throw badRequest('currency is not a currency code', 'currency');
  assertFits('amount', amount.replace(/^-/, ''), currency);
  return { currency, amount: addAmounts(amount) };
}

function assertFits(name: string, amount: string, currency: string): void {
  if (compareAmounts(amount, '0') === 0 || isPayableAmount(amount, currency)) return;
  throw badRequest(`${name} has too many decimals for ${currency}`, name);
}
