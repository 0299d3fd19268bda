import { REQUEST_OPERATION } from '../../src/store/schema.js';
import type { Store } from '../../src/store/store.js';
import { ADJUSTMENT_KIND } from '../../src/domain/ledger.js';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import {
  addAmounts,
  compareAmounts,
  multiply,
  roundUpToCurrency,
  subtractAmounts,
} from '../../src/domain/money.js';
import { PROVIDER_ORDER_STATUS, PROVIDER_PAYOUT_STATUS } from '../../src/domain/provider-status.js';
import type { AmountMode, Funding } from '../../src/domain/payout-request.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../src/domain/payout-status.js';
import { costOfPayout, expectedDebit, postAmountFor, type FeeSide } from '../../src/domain/quote.js';
import { assign, type OpenedPayout, openPayout, readerOf, SENDER, showDeposit } from './test-store.js';

/**
 * A provider and the workflows of some payouts, as far as the store sees them: each operation is one thing that an
 * activity does, checks what the workflow would have checked before, and may be repeated or run at any moment.
 */

export interface PayoutPlan {
  readonly funding: Funding;
  readonly amountMode: AmountMode;
  /** CNY from USDT, or USDT as it is. */
  readonly converts: boolean;
  readonly feeSide: FeeSide;
  /** What the order brings in, per mille of what the estimate says. */
  readonly pricePerMille: number;
  /** What the provider takes more, or less, than the fee that was expected, in cents. */
  readonly feeDiscrepancy: number;
  /** The same, in the reading after the payout was accepted. */
  readonly laterDiscrepancy: number;
  readonly outcome: 'paid' | 'failed' | 'cancelled';
  /** What comes back after a failure: the amount with the fee, without it, or in two parts. */
  readonly returned: 'withFee' | 'amount' | 'parts';
}

export interface Operation {
  readonly kind: (typeof OPERATION_KINDS)[number];
  /** Which of the payouts. */
  readonly payout: number;
  /** Which of three deposits made for it: exact, a part under a declared hash, too much under a declared hash. */
  readonly deposit: number;
  /** Under which of its two names a deposit is announced, and other choices between two. */
  readonly other: boolean;
}

/** As often as they stand here: most payouts are to get far. */
export const OPERATION_KINDS = [
  ...(['announce', 'announce', 'announce', 'announce', 'announce'] as const),
  ...(['declare', 'assign', 'assign', 'reserve', 'reserve'] as const),
  ...(['sell', 'sell', 'sell', 'sell', 'pay', 'pay', 'pay', 'pay'] as const),
  ...(['settle', 'settle', 'settle', 'return', 'return'] as const),
  ...(['outside', 'adjust', 'vanish', 'vanish', 'close', 'hold'] as const),
] as const;

const FOR_A_PERSON = { reason: FAILURE_TYPE.PROVIDER_REFUSED, detail: 'for a person' };
const PRICE = '6.97';
const ESTIMATE_OF = { CNY: '5000.00', USDT: '700.000000' } as const;

interface Party {
  readonly plan: PayoutPlan;
  readonly opened: OpenedPayout;
  /** What the provider accepted. */
  accepted?: { readonly postAmount: string; readonly amount: string; readonly fee: string };
  /** QbitPay's readings of one payout come one after the other, and none from before its end after it. */
  readings?: Promise<void>;
  hasEnded?: boolean;
}

interface Money {
  readonly currency: string;
  /** Signed. */
  readonly amount: string;
}

export class LedgerModel {
  private readonly store: Store;
  private readonly run: string;
  private parties: readonly Party[] = [];
  /** What moved at the provider, once each, by a name of its own: amounts with their currencies. */
  private readonly moved = new Map<string, readonly Money[]>();

  constructor(store: Store, run: string) {
    this.store = store;
    this.run = run;
  }

  async open(plans: readonly PayoutPlan[]): Promise<void> {
    this.parties = await Promise.all(
      plans.map(async (plan, index) => ({
        plan,
        opened: await openPayout(
          this.store,
          {
            payoutId: `${this.run}-${index}`,
            // The parts of one deposit go to both.
            owner: index % 2 === 0 ? 'anna' : 'boris',
            funding: plan.funding,
            amountMode: plan.amountMode,
            currency: currencyOf(plan),
            amount: plan.amountMode === 'receive' ? ESTIMATE_OF[currencyOf(plan)] : ESTIMATE_OF.USDT,
          },
          {
            baseAmount: plan.amountMode === 'receive' ? '728.000000' : ESTIMATE_OF.USDT,
            feeTerms: termsOf(plan),
          },
        ),
      })),
    );
  }

  async apply({ kind, payout, deposit, other }: Operation): Promise<void> {
    const party = this.parties[payout % this.parties.length]!;
    switch (kind) {
      case 'announce':
        return this.announce(party, deposit, other);
      case 'declare':
        return this.declare(party, deposit);
      case 'assign':
        return this.assign(party, deposit, other);
      case 'reserve':
        await this.store.payouts.reserveFunds(party.opened.payoutId);
        return;
      case 'sell':
        return this.sell(party, other);
      case 'pay':
        return this.pay(party, other);
      case 'settle':
        return this.settle(party, other);
      case 'return':
        return this.giveBack(party);
      case 'close':
        await this.close(party, other ? 'expired' : 'cancelled');
        return;
      case 'hold':
        await this.store.payouts.holdPayout(party.opened.payoutId, FOR_A_PERSON);
        return;
      case 'outside':
        return this.moveOutside(deposit, other);
      case 'adjust':
        return this.adjust(deposit, other);
      case 'vanish':
        return this.vanish(party, deposit, other);
    }
  }

  /** Carries everything as far as it goes and ends what then can be ended: nothing is anybody's any more. */
  async finish(): Promise<void> {
    for (const party of this.parties) {
      const { payoutId } = party.opened;
      for (const deposit of [0, 1, 2]) await this.vanish(party, deposit, false);
      await this.sell(party, false);
      await this.pay(party, false);
      if ((await this.statusOf(party)) === PAYOUT_STATUS.IN_TRANSIT) await this.settle(party, true);
      if (isAtWork(await this.statusOf(party))) {
        await this.store.payouts.holdPayout(payoutId, FOR_A_PERSON);
      }
      await this.close(party, 'cancelled');
      await this.giveBack(party);
      const status = await this.statusOf(party);
      // Accepted while it was held: its end is a person's decision.
      const isStuck = status === PAYOUT_STATUS.HELD && party.accepted !== undefined;
      if (!isFinalStatus(status) && !isStuck)
        throw new Error(`payout ${payoutId} cannot be ended, it is ${status}`);
    }
  }

  /** What the provider holds in a currency because of what was done here. */
  async expectedChange(currency: string): Promise<string> {
    const amounts = [...this.moved.values()].flat().filter((money) => money.currency === currency);
    let total = addAmounts(...amounts.map(({ amount }) => amount));
    for (const { opened, plan } of this.parties) {
      const { providerPayout } = await this.store.payouts.getPayout(opened.payoutId);
      if (providerPayout === null || currencyOf(plan) !== currency) continue;
      total = subtractAmounts(total, addAmounts(providerPayout.recipientAmount, providerPayout.fee));
    }
    return total;
  }

  private async statusOf({ opened }: Party): Promise<PayoutStatus> {
    return (await this.store.payouts.getPayout(opened.payoutId)).status;
  }

  private depositOf({ opened }: Party, deposit: number) {
    const index = deposit % 3;
    const name = `${opened.payoutId}-d${index}`;
    const amounts = [opened.amount, roundUpToCurrency(multiply(opened.amount, '0.4'), 'USDT')];
    return { name, txHash: `0x${name}`, amount: amounts[index] ?? addAmounts(opened.amount, '33.3') };
  }

  private async announce(party: Party, deposit: number, byHand: boolean): Promise<void> {
    const { name, txHash, amount } = this.depositOf(party, deposit);
    this.moved.set(name, [{ currency: 'USDT', amount }]);
    const money = { currency: 'USDT', amount };
    const names = byHand
      ? { providerDepositId: null, address: null }
      : { providerDepositId: name, address: '0xA' };
    await this.store.deposits.noteDeposit({ ...names, txHash, ...money });
    await showDeposit(this.store, { depositId: name, ...money });
    await (await readerOf(this.store)).settleDeposits();
  }

  private async declare(party: Party, deposit: number): Promise<void> {
    const { txHash } = this.depositOf(party, deposit);
    await this.store.payouts.findPayout(party.opened.payoutId);
    await this.store.deposits.declareTransaction({ payoutId: party.opened.payoutId, txHash, actor: 'test' });
  }

  /** To the available balance, or half to its payout and half to the next one: refused where these take nothing. */
  private async assign(party: Party, deposit: number, toPayouts: boolean): Promise<void> {
    const { name, amount } = this.depositOf(party, deposit);
    if ((await this.store.deposits.findDeposit(name)) === undefined) return;
    const next = this.parties[(this.parties.indexOf(party) + 1) % this.parties.length]!;
    const half = roundUpToCurrency(multiply(amount, '0.5'), 'USDT');
    const parts = [
      { payoutId: next.opened.payoutId, amount: subtractAmounts(amount, half) },
      { payoutId: party.opened.payoutId, amount: half },
    ];
    await assign(this.store, name, toPayouts ? parts : 'available');
  }

  private async fundsIn(party: Party, currency: string): Promise<string> {
    const funds = await this.store.ledger.fundsOf(party.opened.payoutId);
    return funds.find((money) => money.currency === currency)?.amount ?? '0';
  }

  private async isFunded({ opened, plan }: Party): Promise<boolean> {
    if (plan.funding === 'balance') return true;
    const { deposit } = await this.store.payouts.getPayout(opened.payoutId);
    return deposit !== null && compareAmounts(deposit.received, deposit.amount) >= 0;
  }

  /** The order, once; its answer is written by who sent it and by who looked it up, at the same time. */
  private async sell(party: Party, overspends: boolean): Promise<void> {
    const { payoutId } = party.opened;
    const id = { operation: REQUEST_OPERATION.ORDER, externalOrderId: payoutId };
    if (!party.plan.converts || !(await this.isFunded(party))) return;
    const funds = await this.fundsIn(party, 'USDT');
    if (compareAmounts(funds, '0') === 0) return;
    const isPrepared = await this.store.requests.prepare(payoutId, id, 'selling');
    const sends = isPrepared
      ? await this.store.requests.claim(id, SENDER, { amount: '1', currency: 'CNY' })
      : undefined;
    // Not, for one, where a brake is engaged because of a deposit that has vanished.
    if (typeof sends !== 'number') return;
    const sold = overspends ? addAmounts(funds, '0.5') : subtractAmounts(funds, '3.000001');
    const bought = roundUpToCurrency(
      multiply(multiply(sold, PRICE), String(party.plan.pricePerMille / 1_000)),
      'CNY',
    );
    this.moved.set(`order ${payoutId}`, [
      { currency: 'USDT', amount: `-${sold}` },
      { currency: 'CNY', amount: subtractAmounts(bought, '1.25') },
    ]);
    const order = {
      externalOrderId: payoutId,
      providerOrderId: `ord-${payoutId}`,
      symbol: 'USDT/CNY',
      amount: sold,
      price: PRICE,
      quoteAmount: bought,
      fee: '1.25',
      status: PROVIDER_ORDER_STATUS.FILLED,
    };
    await Promise.all([
      this.store.requests.accept(payoutId, order),
      this.store.requests.recordExecution(payoutId, order),
      this.store.requests.recordExecution(payoutId, order),
    ]);
  }

  /** The payout attempt, once; a outcome resolution may write its answer too. */
  private async pay(party: Party, twice: boolean): Promise<void> {
    const { plan, opened } = party;
    const { payoutId } = opened;
    const currency = currencyOf(plan);
    const id = { operation: REQUEST_OPERATION.PAYOUT, externalOrderId: payoutId };
    if (!(await this.isFunded(party))) return;
    const funds = await this.fundsIn(party, currency);
    const postAmount = postAmountFor(opened.request, funds, termsOf(plan));
    const isCovered = compareAmounts(costOfPayout(postAmount, currency, termsOf(plan)), funds) <= 0;
    if (compareAmounts(postAmount, '0') <= 0 || !isCovered) return;
    const isPrepared = await this.store.requests.prepare(payoutId, id, 'paying');
    const sends = isPrepared
      ? await this.store.requests.claim(id, SENDER, { amount: '1', currency: 'CNY' })
      : undefined;
    if (typeof sends !== 'number') return;
    const expected = expectedDebit(postAmount, currency, termsOf(plan));
    const fee = addAmounts(expected.fee, cents(plan.feeDiscrepancy));
    party.accepted = { postAmount, amount: expected.amount, fee };
    const answer = {
      externalOrderId: payoutId,
      providerPayoutId: `po-${payoutId}`,
      currency,
      postAmount,
      recipientAmount: expected.amount,
      fee,
      status: PROVIDER_PAYOUT_STATUS.IN_TRANSIT,
    };
    const record = (): Promise<unknown> => this.store.requests.accept(payoutId, answer);
    await Promise.all(twice ? [record(), record()] : [record()]);
  }

  /** A reading of the accepted payout: still under way, or as it ended. */
  private settle(party: Party, ended: boolean): Promise<void> {
    party.readings = (party.readings ?? Promise.resolve()).then(() => this.readSettlement(party, ended));
    return party.readings;
  }

  private async readSettlement(party: Party, isEnd: boolean): Promise<void> {
    const { plan, opened } = party;
    const { providerPayout } = await this.store.payouts.getPayout(opened.payoutId);
    if (party.accepted === undefined || providerPayout === null) return;
    const { amount, fee } = party.accepted;
    const ended = (party.hasEnded = isEnd || party.hasEnded === true);
    await this.store.requests.recordSettlement(opened.payoutId, {
      providerPayoutId: providerPayout.providerPayoutId,
      currency: currencyOf(plan),
      recipientAmount: ended ? subtractAmounts(amount, cents(plan.laterDiscrepancy)) : amount,
      fee: ended ? addAmounts(fee, cents(2 * plan.laterDiscrepancy)) : fee,
      status: ended ? plan.outcome : PROVIDER_PAYOUT_STATUS.IN_TRANSIT,
      outcome: ended ? { status: plan.outcome, detail: `QbitPay says ${plan.outcome}` } : null,
    });
  }

  private async giveBack(party: Party): Promise<void> {
    const { plan, opened } = party;
    const { status, providerPayout } = await this.store.payouts.getPayout(opened.payoutId);
    const ended = status === PAYOUT_STATUS.FAILED || status === PAYOUT_STATUS.CANCELLED;
    if (!ended || providerPayout === null) return;
    const { recipientAmount: amount, fee } = providerPayout;
    const nets = {
      withFee: [addAmounts(amount, fee)],
      amount: [amount],
      parts: [subtractAmounts(amount, '7.31'), '7.31'],
    };
    const currency = currencyOf(plan);
    const returns = nets[plan.returned].map((net) => ({ currency, amount: net }));
    this.moved.set(`return ${opened.payoutId}`, returns);
    for (const [index, { amount: net }] of returns.entries()) {
      await this.store.requests.recordReturn(opened.payoutId, {
        providerPayoutId: providerPayout.providerPayoutId,
        balanceTransactionId: `bt-return-${opened.payoutId}-${index}`,
        currency,
        net,
      });
    }
  }

  private async close({ opened }: Party, to: 'cancelled' | 'expired'): Promise<void> {
    await this.store.payouts.closeFunding({ payoutId: opened.payoutId, to, detail: `${to} by the test` });
  }

  private async moveOutside(which: number, isCharge: boolean): Promise<void> {
    const currency = which % 2 === 0 ? 'CNY' : 'USDT';
    const id = `bt-outside-${this.run}-${which}${isCharge ? '-' : '+'}`;
    const net = isCharge ? '-3.7' : '2.9';
    this.moved.set(id, [{ currency, amount: net }]);
    await this.store.reconciliation.recordOutsideActivity([
      { balanceTransactionId: id, type: isCharge ? 'charge' : 'adjustment', currency, net } as never,
    ]);
  }

  /** A person corrects the books by what QbitPay holds less, or more. */
  private async adjust(which: number, isLess: boolean): Promise<void> {
    const idempotencyKey = `adjustment-${this.run}-${which}${isLess ? '-' : '+'}`;
    const amount = isLess ? '-1.7' : '0.9';
    const { kind } = await this.store.ledger.adjustLedger({
      kind: ADJUSTMENT_KIND.CORRECTION,
      currency: 'USDT',
      amount,
      reason: 'a test',
      payoutId: null,
      owner: null,
      actor: 'test',
      idempotencyKey,
    });
    if (kind === 'booked') this.moved.set(idempotencyKey, [{ currency: 'USDT', amount }]);
  }

  /** QbitPay does not show a deposit any more, which a person settles at once; or shows it again. */
  private async vanish(party: Party, deposit: number, isGone: boolean): Promise<void> {
    const { name } = this.depositOf(party, deposit);
    if ((await this.store.deposits.findDeposit(name)) === undefined) return;
    if (!isGone) return this.store.deposits.markFound(name);
    await this.store.deposits.markMissing(name);
    for (const { brakeId } of await this.store.brakes.listBrakes({ engaged: true, limit: 10 })) {
      await this.store.brakes.release({ brakeId, reason: 'a test', actor: 'test' });
    }
  }
}

function currencyOf(plan: PayoutPlan): 'CNY' | 'USDT' {
  return plan.converts ? 'CNY' : 'USDT';
}

function termsOf({ feeSide }: PayoutPlan) {
  return { side: feeSide, payoutRate: '0.005', tradeRate: '0' } as const;
}

function cents(count: number): string {
  return multiply('0.01', count);
}

function isAtWork(status: PayoutStatus): boolean {
  return status === PAYOUT_STATUS.CONVERTING || status === PAYOUT_STATUS.PAYING;
}
