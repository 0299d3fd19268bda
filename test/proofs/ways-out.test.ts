import {
  FAILURE_KIND,
  FAILURES,
  failureTypesOfKind,
  type FailureType,
  type OperatorAction,
} from '../../src/domain/failure-type.js';
import { addAmounts, compareAmounts, subtractAmounts } from '../../src/domain/money.js';
import { balanceIn, owedIn } from '../support/balances.js';
import type { Json } from '../support/engine-client.js';
import {
  closeAsOver,
  closeUnsent,
  isOrderMovement,
  timesHeld,
  useScenarioThatHolds,
  withoutOrderMovements,
} from '../support/held-payouts.js';
import { untilTaken } from '../support/payout-workflows.js';
import { detailsOf, ORDERS, PAYOUTS } from '../support/provider-requests.js';
import type { ScenarioPayout } from '../support/scenario-payout.js';
import {
  aged,
  bringsInLess,
  changeTickerAfter,
  holdContradicted,
  holdConvertedByProvider,
  holdEndedInOtherWords,
  holdForOtherAccount,
  holdHiddenOrder,
  holdInOtherCurrency,
  holdMissing,
  holdMoved,
  holdOverdueOrder,
  holdSlightlyShort,
  holdTwiceRefused,
  holdUnderfunded,
  holdUnfilled,
  holdUnpriced,
  holdUnsentOrder,
  holdUnshown,
  holdUnshownOrder,
  holdVanished,
  moved,
  strikeAsRefused,
  type Holds,
} from '../support/ways-into-holds.js';

/** Every reason to be held, and every way out of it, on a whole engine. */

const holds = useScenarioThatHolds();
const { scenario, held } = holds;
const { provider } = scenario;

const owed = (currency: string): Promise<string> => owedIn(scenario.engine, currency);
/** Cancelled, it leaves what was sold in the one currency, and the rest in the other. */
async function releasedInBoth(payout: ScenarioPayout, moved?: Json): Promise<void> {
  const { deposit, order: last } = await payout.shown();
  const order = moved ?? last;
  const before = { USDT: await owed('USDT'), CNY: await owed('CNY') };
  await payout.cancelReleasing('USDT');
  const freed = subtractAmounts(await owed('USDT'), before.USDT);
  expect(freed).toBe(subtractAmounts(deposit.amount, order.amount));
  expect(subtractAmounts(await owed('CNY'), before.CNY)).toBe(addAmounts(order.quoteAmount));
}

/** Held once more for the same reason. */
async function isHeldAgain(payout: ScenarioPayout, reason: FailureType): Promise<void> {
  await payout.until(({ status, timeline }) => status === 'held' && timesHeld(timeline) === 2, 'held again');
  await payout.isHeld(reason);
}

/** The next order is ended as well. */
async function retryThenCancel(payout: ScenarioPayout): Promise<void> {
  const { order } = await payout.shown();
  const ended = { status: 'cancelled', filled: '0', externalOrderId: `${payout.id}~o2` };
  await scenario.engine.control('POST', '/orders/outcomes', ended);
  await payout.decide('retry');
  await isHeldAgain(payout, 'ORDER_NOT_FILLED');
  expect((await payout.requests(ORDERS, '~o2')).map(({ body }) => String(body.amount))).toEqual([
    '420.946916',
  ]);
  await releasedInBoth(payout, order);
}

async function shortThenCancelled(payout: ScenarioPayout): Promise<void> {
  await payout.decide('resume');
  await payout.isHeld('SHORT_AFTER_ORDER');
  await bringsInLess(scenario, '4900');
  await payout.cancelReleasing('CNY');
}

const resumedInto =
  (reason: FailureType, change: (ticker: Json) => Json) =>
  async (payout: ScenarioPayout): Promise<void> => {
    await provider.heal();
    changeTickerAfter(scenario, 0, change);
    await payout.decide('resume');
    await payout.isHeld(reason);
    expect((await payout.requests(ORDERS)).flatMap(({ effects }) => effects)).toEqual([]);
    await payout.cancelReleasing('USDT');
  };

async function adoptContradicting(payout: ScenarioPayout): Promise<void> {
  const [{ id }] = (await provider.call('GET', '/api/v1/payouts?limit=1')).data;
  await payout.decide('resolve', { action: 'adopt', providerPayoutId: id });
  expect((await payout.becomes('paid')).providerPayoutId).toBe(id);
  await provider.set({ externalOrderIds: 'kept' });
}

async function paidInTransit(payout: ScenarioPayout): Promise<void> {
  await payout.decide('resume');
  await payout.becomes('in_transit');
  await payout.advance('paid');
  await payout.isPaidOnce();
}

/** What is tried is each a reason and the action that is taken for it, in turn. */
const way = (
  tried: readonly `${FailureType} ${OperatorAction}`[],
  how: string,
  make: (holds: Holds) => Promise<ScenarioPayout>,
  leave: (payout: ScenarioPayout) => Promise<void>,
) => ({ tried, how, make, leave });

/** What neither an answer nor a list nor an event tells of took effect. */
async function adoptHidden(payout: ScenarioPayout, endpoint: string): Promise<void> {
  const sent = (await payout.requests(endpoint)).flatMap(({ effects }) => effects);
  expect(sent).toHaveLength(1);
  await payout.decide('resolve', { action: 'adopt', providerPayoutId: sent[0] });
}

/** The order is adopted, and then nobody knows of the payout. */
async function adoptThenClose(payout: ScenarioPayout): Promise<void> {
  await adoptHidden(payout, ORDERS);
  await isHeldAgain(payout, 'UNKNOWN_OUTCOME');
  expect(await payout.requests(ORDERS)).toHaveLength(1);
  await closeUnsent(payout);
}

/** The order is sent again, and then nobody knows of the payout. */
async function resendThenAdopt(payout: ScenarioPayout): Promise<void> {
  await payout.decide('resolve', { action: 'resend' });
  await isHeldAgain(payout, 'UNKNOWN_OUTCOME');
  await adoptHidden(payout, PAYOUTS);
  await payout.becomes('paid');
  provider.rewrite(undefined);
  await payout.isPaidOnce();
  expect(await payout.requests(PAYOUTS)).toHaveLength(1);
}

/** Nobody cancelled one of them in time: the recipient has got the money twice, and that is seen. */
async function adoptOneOfTwo(payout: ScenarioPayout): Promise<void> {
  const [own, other] = await payout.living();
  const adoption = { action: 'adopt', providerPayoutId: own.id };
  await payout.isRefused('resolve', /has .* as .*: have it cancelled first/, adoption);
  for (const action of ['resend', 'close']) {
    await payout.isRefused('resolve', /neither be sent again/, { action });
  }
  for (const { id } of [own, other]) await payout.advance('paid', id);
  // Before the payout ends: from then on it is a shortfall.
  await provider.adjust('CNY', '5025');
  await payout.decide('resolve', adoption);
  const paid = await payout.becomes('paid');
  expect(paid).toMatchObject({ providerPayoutId: own.id, flags: ['SURPLUS_AT_PROVIDER'] });
  expect(detailsOf(paid).join('\n')).toContain(`QbitPay paid ${other.id} as well`);
}

async function retryOrder(payout: ScenarioPayout): Promise<void> {
  provider.rewrite(undefined);
  await payout.decide('retry');
  await payout.isPaidOnce();
  expect(await payout.requests(ORDERS, '~o2')).toHaveLength(1);
  expect(await payout.requests(PAYOUTS)).toHaveLength(1);
}

async function retryBoth(payout: ScenarioPayout): Promise<void> {
  await payout.decide('retry');
  await isHeldAgain(payout, 'PROVIDER_REFUSED');
  await payout.decide('retry');
  await payout.isPaidOnce();
  expect(await payout.requests(ORDERS, '~o2')).toHaveLength(1);
  expect(await payout.requests(PAYOUTS, '~2')).toHaveLength(1);
}

const WAYS_OUT = [
  way(['UNKNOWN_OUTCOME resolve'], 'order adopted, payout closed', holdHiddenOrder, adoptThenClose),
  way(['UNKNOWN_OUTCOME resolve'], 'order sent again, payout adopted', holdUnsentOrder, resendThenAdopt),
  way(['UNKNOWN_OUTCOME resolve'], 'close at the order', () => held.unsent(ORDERS), closeUnsent),
  way(['DUPLICATE_AT_PROVIDER resolve'], 'both were paid', held.duplicated, adoptOneOfTwo),
  way(
    ['PRICE_MOVED resume', 'NO_USABLE_PRICE cancel'],
    'there is none by then',
    holdMoved,
    resumedInto('NO_USABLE_PRICE', aged),
  ),
  way(
    ['NO_USABLE_PRICE resume', 'PRICE_MOVED cancel'],
    'it has moved by then',
    holdUnpriced,
    resumedInto('PRICE_MOVED', moved),
  ),
  way(
    ['ORDER_NOT_FILLED retry', 'ORDER_NOT_FILLED cancel'],
    'both currencies owed',
    holdUnfilled,
    retryThenCancel,
  ),
  way(['ORDER_UNCLEAR resume'], 'it shows what was sold', held.unclear, async (payout) => {
    provider.rewrite(undefined);
    await payout.decide('resume');
    await payout.isHeld('ORDER_NOT_FILLED');
    await retryOrder(payout);
  }),
  way(['ORDER_UNCLEAR resolve'], 'it is not shown', holdUnshownOrder, async (payout) => {
    await payout.decide('resume');
    await isHeldAgain(payout, 'ORDER_UNCLEAR');
    const before = await owed('CNY');
    const close = { action: 'close' };
    provider.rewrite((_request, body) => withoutOrderMovements(body));
    await payout.isRefused('resolve', /has the order as \S+: resume/, close);
    await payout.hideFromLists(isOrderMovement);
    await payout.isRefused('resolve', /does not show all that the order moved/, close);
    await payout.hideFromLists();
    await closeAsOver(scenario, payout);
    expect(addAmounts(await owed('CNY'), `-${before}`)).toBe('2091');
  }),
  way(['ORDER_SHORT retry'], 'K20: the rest is sold', holdSlightlyShort, async (payout) => {
    await payout.decide('retry');
    await payout.isPaidOnce();
    // What is missing of 5,025.00 CNY, at 6.97.
    expect((await payout.requests(ORDERS, '~o2')).map(({ body }) => String(body.amount))).toEqual([
      '1.802009',
    ]);
  }),
  way(['ORDER_SHORT cancel'], 'both currencies owed', holdSlightlyShort, (payout) => releasedInBoth(payout)),
  way(
    ['ORDER_DIFFERS resume', 'SHORT_AFTER_ORDER cancel'],
    'converted money owed',
    () => held.as('ORDER_DIFFERS', (payout) => payout.isShownAs('order', { quoteAmount: 4_900 })),
    shortThenCancelled,
  ),
  way(
    ['DESTINATION_REFUSED retry', 'DESTINATION_REFUSED cancel'],
    'converted money owed',
    held.refusedDestination,
    async (payout) => {
      const again = { externalOrderId: `${payout.id}~2` };
      await provider.strike('invalid_request_error', PAYOUTS, again);
      await payout.decide('retry');
      await isHeldAgain(payout, 'DESTINATION_REFUSED');
      await payout.cancelReleasing('CNY');
    },
  ),
  way(['PROVIDER_REFUSED retry'], 'of the order, then of the payout', holdTwiceRefused, retryBoth),
  way(
    ['PROVIDER_REFUSED cancel'],
    'deposit owed',
    () => held.as('PROVIDER_REFUSED', strikeAsRefused(ORDERS)),
    (payout) => payout.cancelReleasing('USDT'),
  ),
  way(['UNDERFUNDED cancel'], 'deposit owed', holdUnderfunded, (payout) => payout.cancelReleasing('USDT')),
  way(['CONVERTED_BY_PROVIDER resume'], 'paid', holdConvertedByProvider, paidInTransit),
  way(['STATUS_NOT_KNOWN resume'], 'it is shown again', holdUnshown, async (payout) => {
    await payout.decide('resume');
    await isHeldAgain(payout, 'STATUS_NOT_KNOWN');
    await provider.heal();
    await payout.isPaidOnce();
  }),
  way(['STATUS_NOT_KNOWN resolve'], 'the word is an end', holdEndedInOtherWords, closeReturned),
  way(
    ['ATTEMPT_FAILED retry', 'ATTEMPT_FAILED cancel'],
    'elsewhere, and money owed',
    () => held.failed('cancelled'),
    async (payout) => {
      const destination = {
        type: 'Alipay',
        payerName: 'Another Trading Ltd',
        bankAccountNum: '13800000000',
      };
      await payout.endsAs('failed', '~2');
      await payout.retryWhenMoneyIsBack({ destination });
      const returned = (shown: Json): number =>
        detailsOf(shown).filter((detail) => detail.includes('came back from QbitPay')).length;
      await payout.until((shown) => returned(shown) === 2, 'the money of both attempts back');
      await payout.isHeld('ATTEMPT_FAILED');
      const sent = await payout.requests(PAYOUTS, '~2');
      expect(sent.map(({ body }) => body.destination)).toEqual([destination]);
      await payout.cancelReleasing('CNY');
      expect(await payout.requests(ORDERS)).toHaveLength(1);
    },
  ),
  way(['ATTEMPT_FAILED resolve'], 'paid after all', held.failedForNow, adoptPaid),
  way(['ORDER_OVERDUE resume'], 'K33: filled meanwhile', holdOverdueOrder, async (payout) => {
    provider.rewrite(undefined);
    await payout.decide('resume');
    await payout.isPaidOnce();
  }),
  way(['ORDER_OVERDUE resolve'], 'K33: closed', holdOverdueOrder, (payout) => closeAsOver(scenario, payout)),
  way(['STATUS_NOT_KNOWN resolve'], 'K32: not shown any more, and paid', holdVanished, async (payout) => {
    await payout.isRefused('resolve', /neither be sent again/, { action: 'resend' });
    await payout.decide('resolve', { action: 'paid' });
    await payout.hasEnded('paid');
  }),
  way(['STATUS_NOT_KNOWN resolve'], 'K32: not shown any more, and lost', holdVanished, async (payout) => {
    await payout.decide('resolve', { action: 'close' });
    expect(await payout.becomes('failed')).toMatchObject({ returnPending: '5000.00' });
    const writeOff = { kind: 'write_off', currency: 'CNY', amount: '5000', payoutId: payout.id };
    const body = { ...writeOff, reason: 'QbitPay has lost it' };
    expect((await scenario.engine.api('POST', '/v1/ledger/adjustments', body)).status).toBe(201);
    expect(await payout.hasEnded('failed')).toMatchObject({ returnPending: null });
  }),
  way(
    ['ANSWER_CONTRADICTS resolve'],
    'K7: adopted with its difference',
    holdContradicted,
    adoptContradicting,
  ),
  way(
    ['DEPOSIT_MISSING resume', 'DEPOSIT_MISSING cancel'],
    "its money is nobody's",
    holdMissing,
    resumeThenCancelMissing,
  ),
  way(
    ['HELD_BY_OPERATOR resume', 'HELD_BY_OPERATOR cancel'],
    'before the deposit',
    held.byOperator,
    async (payout) => {
      await payout.decide('resume');
      await payout.becomes('awaiting_deposit');
      await payout.decide('hold');
      expect((await payout.cancel()).status).toBe(200);
      await payout.becomes('cancelled');
    },
  ),
  way(['DESTINATION_DIFFERS resume'], 'cancelled by QbitPay', holdForOtherAccount, async (payout) => {
    await payout.decide('resume');
    await payout.becomes('in_transit');
    await payout.advance('cancelled');
    await payout.isHeld('ATTEMPT_FAILED');
    await payout.untilMoneyBack();
    await payout.cancelReleasing('CNY');
  }),
  // Last: what QbitPay took in the other currency is a shortfall there from then on.
  way(['CURRENCY_DIFFERS resume'], 'paid as it is', holdInOtherCurrency, async (payout) => {
    await payout.decide('resume');
    await payout.becomes('in_transit');
    await payout.advance('paid');
    await payout.becomes('paid');
  }),
  way(['DEBIT_EXCEEDS_LEDGER resume'], 'not before it is booked', holdDebitBeyond, payWhenCovered),
];

async function closeReturned(payout: ScenarioPayout): Promise<void> {
  await payout.isRefused('resolve', /does not show its money/, { action: 'close' });
  const before = await owed('CNY');
  const { providerPayoutId } = await payout.shown();
  await untilTaken(scenario.engine, `/payouts/${providerPayoutId}/return`, {}, 'its money back');
  await payout.isReadAgain();
  await closeAsOver(scenario, payout);
  expect(compareAmounts(await owed('CNY'), before)).toBe(1);
}

async function adoptPaid(payout: ScenarioPayout): Promise<void> {
  const { providerPayoutId } = await payout.shown();
  const adoption = { action: 'adopt', providerPayoutId };
  await payout.isRefused('resolve', /does not say that it was paid/, adoption);
  for (const action of ['resend', 'close']) {
    await payout.isRefused('resolve', /neither be sent again/, { action });
  }
  // What QbitPay then shows needs nobody's decision.
  await payout.isOverwritten({ status: 'paid' });
  expect((await payout.isPaidOnce()).flags).toEqual(['REOPENED']);
  const { postings } = await payout.shown();
  const causes = new Set(postings.map(({ cause }: Json) => cause));
  expect([...causes].slice(-3)).toEqual(['payout_failure', 'payout_failure_reversed', 'release']);
  await payout.workflow.result();
}

async function resumeThenCancelMissing(payout: ScenarioPayout): Promise<void> {
  await payout.decide('resume');
  const gone = (shown: Json): number =>
    detailsOf(shown).filter((detail) => detail.startsWith('QbitPay does not show deposit')).length;
  await payout.until((shown) => gone(shown) === 2, 'missing still');
  await payout.isHeld('DEPOSIT_MISSING');
  const before = await owed('USDT');
  expect((await payout.cancel()).status).toBe(200);
  await payout.becomes('cancelled');
  expect(await owed('USDT')).toBe(before);
}

/** What is there without the ledger's knowing: as much as it knows of, and more. */
let unknown: string;

/** QbitPay takes all that the ledger knows of, and then some of that. */
async function holdDebitBeyond(): Promise<ScenarioPayout> {
  const known = (await balanceIn(scenario.engine, 'CNY')).ledger;
  unknown = addAmounts(known, '6000');
  await provider.adjust('CNY', unknown);
  await provider.set({ payoutFee: addAmounts(known, '1000') });
  const payout = await held.as('DEBIT_EXCEEDS_LEDGER');
  const { postings } = await payout.shown();
  expect(postings.filter(({ cause }: Json) => cause === 'payout')).toEqual([]);
  return payout;
}

async function payWhenCovered(payout: ScenarioPayout): Promise<void> {
  await payout.decide('resume');
  await payout.isHeld('DEBIT_EXCEEDS_LEDGER');
  // It came in as a deposit after all.
  await scenario.engine.control('POST', '/deposits', { currency: 'CNY', amount: unknown });
  await provider.adjust('CNY', `-${unknown}`);
  await payout.isPaidOnce();
}

test('every hold, and every action that is offered for it, is tried below', () => {
  const offered = failureTypesOfKind(FAILURE_KIND.HELD).flatMap((reason) =>
    FAILURES[reason].actions.map((action) => `${reason} ${action}`),
  );
  const tried = new Set<string>(WAYS_OUT.flatMap((one) => one.tried));
  expect([...tried].sort()).toEqual(offered.sort());
});

describe('the ways out', () => {
  test.each(WAYS_OUT.map((one) => ({ ...one, name: one.tried.join(', ') })))(
    '$name: $how',
    async ({ make, leave }) => leave(await make(holds)),
  );
});
