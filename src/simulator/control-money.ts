import { addAmounts, CURRENCY_PATTERN, isPayableAmount } from '../domain/money.js';
import { type ControlSurface, findOr404 } from './control-calls.js';
import { exactNumber } from './exact-json.js';
import { newId } from './identifiers.js';
import { listPage, readPageRequest } from './list-page.js';
import { badRequest } from './provider-error.js';
import {
  type ChargeRecord,
  type OrderOutcomeRuleRecord,
  type OutcomeRuleRecord,
  PAYOUT_OUTCOMES,
  UNFILLED_STATUSES,
} from './records.js';
import type { RequestFields } from './request-fields.js';
import { balanceTransactionView, chargeView, depositView, payoutView } from './wire-views.js';

const CHARGE_STATUSES = [
  'pending',
  'buyerPaid',
  'sellerConfirmed',
  'closed',
  'cancelled',
  'dispute',
] as const;
const ADVANCE_STATUSES = ['inTransit', 'paid', 'failed', 'cancelled'] as const;
const MAX_CHARGES = 10_000;
const MAX_TIMES = 1_000_000;

/** Control calls that move money or decide where payouts end. */
export function registerMoneyControl(surface: ControlSurface): void {
  registerDeposits(surface);
  registerPayouts(surface);
  const { core } = surface;
  surface.on('POST', '/charges', ({ fields }) => seedCharges(surface, fields));
  surface.on('POST', '/outcomes', ({ fields }) => outcomeView(core.outcomes.add(readOutcomeRule(fields))));
  surface.on('GET', '/outcomes', () => ({ data: core.outcomes.active().map(outcomeView) }));
  surface.on('DELETE', '/outcomes', () => {
    core.outcomes.clear();
    return { data: [] };
  });
  registerOrders(surface);
}

function registerOrders(surface: ControlSurface): void {
  const { orderOutcomes } = surface.core;
  surface.on('POST', '/orders/outcomes', ({ fields }) =>
    orderOutcomeView(orderOutcomes.add(readOrderOutcomeRule(fields))),
  );
  surface.on('GET', '/orders/outcomes', () => ({ data: orderOutcomes.active().map(orderOutcomeView) }));
  surface.on('DELETE', '/orders/outcomes', () => {
    orderOutcomes.clear();
    return { data: [] };
  });
}

function registerDeposits(surface: ControlSurface): void {
  const { deposits, state } = surface.core;
  surface.on('POST', '/deposits', ({ fields }) => depositView(deposits.receive(fields)));
  surface.on('GET', '/deposits', ({ query }) => {
    const page = readPageRequest(query);
    query.end();
    return listPage(state.deposits, page, { url: '/_simulator/deposits', view: depositView, filter: {} });
  });
  surface.on('POST', '/deposits/{id}/confirm', ({ id, fields }) => {
    fields.end();
    return depositView(deposits.confirm(findOr404(state.deposits.get(id), 'deposit')));
  });
}

function registerPayouts(surface: ControlSurface): void {
  const { settlement, state } = surface.core;
  surface.on('POST', '/payouts/{id}/advance', ({ id, fields }) => {
    const status = fields.choice('status', ADVANCE_STATUSES);
    fields.end();
    return payoutView(settlement.advance(findOr404(state.payouts.get(id), 'payout'), status));
  });
  surface.on('POST', '/payouts/{id}/return', ({ id, fields }) => {
    const withFee = fields.optionalBoolean('fee') ?? true;
    fields.end();
    const payout = findOr404(state.payouts.get(id), 'payout');
    return balanceTransactionView(settlement.giveBack(payout, withFee));
  });
  surface.onAsync('POST', '/settle', async ({ fields }) => {
    fields.end();
    return { settled: await settlement.settleAll() };
  });
}

/** Charges as an account that also collects money would have; with `credited` they move the balance. */
function seedCharges({ core }: ControlSurface, fields: RequestFields): object {
  const count = fields.optionalInteger('count', 1, MAX_CHARGES) ?? 1;
  const currency = fields.text('currency');
  const amount = fields.amount('amount');
  const status = fields.optionalChoice('status', CHARGE_STATUSES) ?? 'closed';
  const externalOrderId = fields.optionalText('externalOrderId');
  const credited = fields.optionalBoolean('credited') ?? false;
  fields.end();
  if (!CURRENCY_PATTERN.test(currency)) throw badRequest('currency is not a currency code', 'currency');
  if (!isPayableAmount(amount, currency)) {
    throw badRequest(`amount has too many decimals for ${currency}`, 'amount');
  }
  const made: ChargeRecord[] = [];
  for (let index = 0; index < count; index += 1) {
    const charge = core.state.charges.put({
      id: newId(),
      createdAt: core.state.charges.nextCreatedAt(),
      currency,
      amount: addAmounts(amount),
      status,
      externalOrderId,
    });
    made.push(charge);
    if (!credited) continue;
    const booked = { currency, amount: charge.amount, fee: '0', source: charge.id } as const;
    core.ledger.book({ ...booked, type: 'charge', status: 'available', description: 'charge' });
  }
  return { data: made.map(chargeView) };
}

function readOutcomeRule(fields: RequestFields): OutcomeRuleRecord {
  const rule = {
    id: newId(),
    outcome: fields.choice('outcome', PAYOUT_OUTCOMES),
    amount: fields.optionalAmount('amount'),
    destination: fields.optionalText('destination'),
    externalOrderId: fields.optionalText('externalOrderId'),
    remaining: fields.optionalInteger('times', 1, MAX_TIMES) ?? 1,
  };
  fields.end();
  return rule;
}

function outcomeView(rule: OutcomeRuleRecord): object {
  return { ...rule, amount: rule.amount === undefined ? undefined : exactNumber(rule.amount) };
}

function readOrderOutcomeRule(fields: RequestFields): OrderOutcomeRuleRecord {
  const rule = {
    id: newId(),
    status: fields.choice('status', UNFILLED_STATUSES),
    filled: fields.optionalDecimal('filled') ?? '0',
    externalOrderId: fields.optionalText('externalOrderId'),
    remaining: fields.optionalInteger('times', 1, MAX_TIMES) ?? 1,
  };
  fields.end();
  return rule;
}

function orderOutcomeView(rule: OrderOutcomeRuleRecord): object {
  return { ...rule, filled: exactNumber(rule.filled) };
}
