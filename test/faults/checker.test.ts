import { findBug } from './bugs/index.js';
import { CANARY_PROVIDER_KEY } from './canaries.js';
import { findViolations } from './checker.js';
import { failureOf } from './evidence.js';
import { createPlan, READS_OF_OPEN_PAYOUTS } from './create-plan.js';
import { measureRecovery, percentile } from './recovery.js';
import { CRASH_POINTS } from './crash-points.js';
import { hashPlan, readRegressionSeeds } from './regression-seeds.js';
import { soundWorld } from './sound-world.js';
import { INVARIANT, INVARIANTS, type Invariant, type World } from './world.js';

type Mutable = { -readonly [Key in keyof World]: any };

/** The entry of the journal in which this object was read. */
const readingOf = (provider: Mutable['provider'], id: string): { atMs: number; fault: string | null } =>
  provider.journal.find(({ path }: { path: string }) => path.endsWith(id));
const lastReading = (answers: Mutable['answers']): any =>
  answers.findLast(({ kind }: { kind: string }) => kind === 'read');

/** One that a person engaged before anything left, for a reason. */
const brake = (change: object): object => ({
  ...{ kind: 'PERSON', currency: null, detail: '', engagedAtMs: 0, releasedAtMs: null },
  ...change,
});

/** What is wrong, by the invariant that has to say so. */
const BROKEN: Readonly<Record<Invariant, Readonly<Record<string, (world: Mutable) => unknown>>>> = {
  [INVARIANT.PAID_ONCE]: {
    'a second payout at the provider': ({ provider }) =>
      provider.payouts.push({ ...provider.payouts[0], id: 'PP2', status: 'inTransit' }),
    'a second attempt beside one that was paid': ({ provider }) =>
      provider.payouts.push({ ...provider.payouts[0], id: 'PP2', externalOrderId: 'p1~2' }),
    'reported paid, and nothing was': ({ provider }) => (provider.payouts[0].status = 'failed'),
  },
  [INVARIANT.SOLD_ONCE]: {
    'a second order': ({ provider }) => provider.orders.push({ ...provider.orders[0], id: 'O2' }),
  },
  [INVARIANT.MONEY_AGREES]: {
    'a balance that is off by the last digit': ({ provider }) =>
      (provider.balances[0].amount = '1020.000001'),
    'a currency of which the ledger knows nothing': ({ provider }) =>
      provider.balances.push({ currency: 'USDC', amount: '1' }),
    'an account that is not the sum of its postings': ({ store }) => (store.accounts[1].posted = '1019'),
    'money that is nobody’s': ({ store }) =>
      Object.assign(store.accounts[1], { balance: '980', posted: '980' }),
    'an owner who owes something without cause': ({ store }) => {
      Object.assign(store.accounts[1], { balance: '1021', posted: '1021' });
      Object.assign(store.accounts[7], { balance: '-1', posted: '-1' });
    },
    'a payout that has ended and still has money': ({ store }) => {
      Object.assign(store.accounts[3], { balance: '75', posted: '75' });
      Object.assign(store.accounts[5], { balance: '1', posted: '1' });
    },
    'another fee than was taken': ({ store }) => (store.attempts[0].fee = '23.99'),
    'another sale than was made': ({ store }) => (store.orders[0].quoteAmount = '4900.01'),
    'a deposit that nobody noticed': ({ store }) => (store.deposits = []),
    'a deposit that is in the store twice': ({ store }) =>
      store.deposits.push({ ...store.deposits[0], depositKey: 'tx:1' }),
  },
  [INVARIANT.COMES_TO_AN_END]: {
    'an accepted request that waits for ever': ({ store }) => (store.payouts[0].status = 'converting'),
    'an accepted request that is gone': ({ store }) => (store.payouts = []),
    'an end that changed': ({ store }) =>
      store.transitions.splice(-1, 0, { payoutId: 'p1', status: 'failed', atMs: 1 }),
    'a workflow that failed': ({ histories }) => (histories[0].failure = 'still waiting'),
    'a reconciliation that failed without an outage': ({ histories }) =>
      histories.push({ workflowId: 'reconcile/q-1', replayError: null, failure: 'x is not a function' }),
    'something that never came about': ({ missing }) =>
      missing.push('the engine has not reconciled what happened last'),
  },
  [INVARIANT.HAS_A_REASON]: {
    'failed, and nobody refused anything': ({ store }) =>
      Object.assign(store.payouts[0], { status: 'failed', providerPayoutId: null }),
    'cancelled, and nobody asked for it': ({ store }) =>
      Object.assign(store.payouts[0], { status: 'cancelled', providerPayoutId: null }),
    'expired, although it was funded in time': ({ store }) => {
      Object.assign(store.payouts[0], { status: 'expired', providerPayoutId: null });
      Object.assign(store.transitions.at(-1), { status: 'expired', atMs: 1_060_000 });
    },
    'held for a refusal that never came': ({ store }) =>
      Object.assign(store.payouts[0], { status: 'held', holdReason: 'DESTINATION_REFUSED' }),
    'held for the rest of a deposit, all of which was announced': ({ store }) => {
      Object.assign(store.payouts[0], { status: 'held', holdReason: 'UNDERFUNDED' });
      store.deposits[0].status = 'unallocated';
    },
    'held for an outcome that is known': ({ store }) =>
      Object.assign(store.payouts[0], { status: 'held', holdReason: 'UNKNOWN_OUTCOME' }),
  },
  [INVARIANT.READ_BEFORE_BELIEVED]: {
    'a deposit of which only another one’s money was read': ({ provider }) => {
      Object.assign(readingOf(provider, 'D1'), { path: '/api/v1/balanceTransactions?source=D9' });
      provider.journal.push({
        ...readingOf(provider, 'D9'),
        path: '/api/v1/balanceTransactions?type=payout',
      });
    },
    'an order that was booked unread': ({ provider }) => (readingOf(provider, 'O1').atMs += 200),
    'an order of which only its acceptance was read': ({ provider }) =>
      Object.assign(readingOf(provider, 'O1'), {
        endpoint: 'POST /api/v1/orders',
        path: '/api/v1/orders',
      }),
    'a return that was booked unread': ({ provider }) => (readingOf(provider, 'PP0').atMs -= 2_000),
    'a return of money that never came back': ({ store }) => (store.returns[0].balanceTransactionId = 'T9'),
    'paid in the store only': ({ provider }) => (provider.ends = []),
    'paid, and read before it was': ({ provider }) => (readingOf(provider, 'PP1').atMs -= 1_000),
    'paid, and the only answer was unreadable': ({ provider }) =>
      (readingOf(provider, 'PP1').fault = 'truncated'),
    'paid, and read afterwards': ({ provider }) => (readingOf(provider, 'PP1').atMs = Infinity),
    'a deposit without money': ({ provider }) => (provider.transactions[1].source = 'another'),
    'a deposit that was booked unread': ({ provider }) => provider.journal.shift(),
  },
  [INVARIANT.SAME_REQUEST_SAME_PAYOUT]: {
    'another deposit for the same request': ({ answers }) => (answers[1].payout.deposit.amount = '721'),
    'a deposit that is asked for no more': ({ answers }) => (answers[1].payout.deposit = null),
    'created twice': ({ answers }) => (answers[1].httpStatus = 201),
    'the same request refused': ({ answers }) =>
      Object.assign(answers[1], { httpStatus: 409, payout: undefined }),
    'other content accepted': ({ answers }) => answers.push({ ...answers[1], kind: 'conflict' }),
  },
  [INVARIANT.API_TELLS_THE_STORE]: {
    'a status that the store never had': ({ answers }) => (answers[2].payout.status = 'held'),
    'a status from the past': ({ answers }) =>
      answers.push({ ...answers[2], payout: { ...answers[2].payout, status: 'paying' } }),
    'another payout of the provider': ({ answers }) => (lastReading(answers).payout.providerPayoutId = 'PP9'),
    'another hold reason': ({ answers }) => (lastReading(answers).payout.holdReason = 'UNKNOWN_OUTCOME'),
    'another amount': ({ answers }) => {
      answers.at(-1).payout.amount = '4800.01';
      lastReading(answers).payout.amount = '4800.01';
    },
    'another deposit': ({ store }) => (store.payouts[0].deposit = null),
    'another status for the same request': ({ answers }) => (answers.at(-1).payout.status = 'in_transit'),
    'accepted, and then not there': ({ answers }) =>
      answers.splice(2, 0, { ...answers[2], httpStatus: 404, payout: undefined }),
    'a request that is refused in the end': ({ answers }) =>
      Object.assign(answers.at(-1), { httpStatus: 503, payout: undefined }),
    'never read': (world) =>
      (world.answers = world.answers.filter(({ kind }: { kind: string }) => kind !== 'read')),
  },
  [INVARIANT.HISTORY_REPLAYS]: {
    'a history that does not replay': ({ histories }) =>
      (histories[0].replayError = 'DeterminismViolationError'),
    'a payout without a history': ({ histories }) => histories.shift(),
  },
  [INVARIANT.NOTHING_LEAKS]: {
    'a secret in the log': ({ texts }) => texts.push({ where: 'log', text: 'authorization: secret-key' }),
    'a secret as HTTP Basic sends it': ({ texts }) =>
      texts.push({ where: 'log', text: `Basic ${Buffer.from('secret-key:').toString('base64')}` }),
  },
  [INVARIANT.PRICE_IS_FRESH]: {
    'a price that nobody quoted': ({ provider }) => (provider.orders[0].price = '7.1'),
    'a price from too long ago': ({ provider }) => (provider.journal[1].atMs -= 40_000),
    'a quote that could not be read': ({ provider }) => (provider.journal[1].fault = 'notJson'),
  },
  [INVARIANT.PAYS_THE_RECIPIENT]: {
    'a payout to somebody else': ({ provider }) => (provider.payouts[0].recipient = '6223'),
  },
  [INVARIANT.PROVEN_WHEN_USED]: {
    'an order for a deposit that was taken back': ({ takenBack }) => takenBack.push('D1'),
  },
  [INVARIANT.BRAKES_HOLD]: {
    'a brake without cause': ({ store }) => store.brakes.push(brake({ kind: 'SHORTFALL', releasedAtMs: 1 })),
    'a payout that left while everything was stopped': ({ store }) => store.brakes.push(brake({})),
    'a payout that another account made': ({ provider }) => provider.sentElsewhere.push('p1'),
    'an order that left while its currency was stopped': ({ store }) =>
      store.brakes.push(brake({ currency: 'USDT' })),
  },
  [INVARIANT.WAS_PLAYED]: {
    'no payouts': ({ planned }) => planned.pop(),
    'a payout that was never opened': ({ planned }) => planned.push('p2'),
    'nobody paid': ({ store }) => (store.payouts[0].status = 'failed'),
    'no requests': ({ provider }) => (provider.journal = []),
    'no histories': (world) => (world.histories = []),
    'no log': (world) =>
      (world.texts = world.texts.filter(({ where }: { where: string }) => where !== 'log')),
  },
};

test('nothing is wrong with a sound world', () => {
  expect(findViolations(soundWorld())).toEqual([]);
});

test.each<[string, (world: Mutable) => void]>([
  [
    'the rest of a deposit of which nobody was told',
    ({ store, provider }) => {
      Object.assign(store.payouts[0], { status: 'held', holdReason: 'UNDERFUNDED' });
      store.deposits[0].status = 'unallocated';
      provider.unannounced = ['D1'];
    },
  ],
  [
    'a reconciliation in an outage',
    ({ histories }) => {
      const failure = 'PROVIDER_UNAVAILABLE: listBalances got no usable answer';
      histories.push({ workflowId: 'reconcile/q-1', replayError: null, failure });
    },
  ],
])('%s is no violation by itself', (_what, change) => {
  const world = structuredClone(soundWorld());
  change(world);
  const own: readonly string[] = [INVARIANT.HAS_A_REASON, INVARIANT.COMES_TO_AN_END];
  expect(findViolations(world).filter(({ invariant }) => own.includes(invariant))).toEqual([]);
});

describe.each(INVARIANTS)('%s', (invariant) => {
  test.each(Object.entries(BROKEN[invariant]))('%s', (_what, damage) => {
    const world = structuredClone(soundWorld());
    damage(world);
    expect(findViolations(world).map((violation) => violation.invariant)).toContain(invariant);
  });
});

describe('a held request', () => {
  const held = (): Mutable => {
    const world = structuredClone(soundWorld()) as Mutable;
    Object.assign(world.store.payouts[0], {
      status: 'held',
      holdReason: 'UNKNOWN_OUTCOME',
      providerPayoutId: null,
    });
    Object.assign(world.store, { attempts: [], transitions: world.store.transitions.slice(0, -1) });
    world.store.transitions.push({ payoutId: 'p1', status: 'held', atMs: 2_000_000 });
    world.store.requests[0].state = 'unknown';
    for (const index of [2, 3])
      Object.assign(world.store.accounts[index], { balance: '4900', posted: '4900' });
    for (const { payout } of world.answers.slice(-2)) {
      Object.assign(payout, { status: 'held', holdReason: 'UNKNOWN_OUTCOME', providerPayoutId: null });
    }
    return world;
  };
  const invariantsOf = (world: Mutable): readonly string[] =>
    findViolations(world as World).map(({ invariant }) => invariant);

  test('may be at the provider or not only as long as nobody could have found out', () => {
    expect(invariantsOf(held())).toContain(INVARIANT.MONEY_AGREES);
  });

  test('is right to be held when there is nothing at the provider', () => {
    const world = held();
    world.provider.payouts.shift();
    world.provider.balances[1].amount = '4900';
    // Nobody was paid in this small world.
    expect(invariantsOf(world)).toEqual([INVARIANT.WAS_PLAYED]);
    world.mayResend = true;
    expect(invariantsOf(world)).toEqual([INVARIANT.HAS_A_REASON, INVARIANT.WAS_PLAYED]);
    world.store.requests[0].sends = 2;
    expect(invariantsOf(world)).toEqual([INVARIANT.WAS_PLAYED]);
  });
});

test.each([
  ['workflowExecutionFailedEventAttributes', { failure: { message: 'broken' } }, 'broken'],
  ['workflowExecutionTimedOutEventAttributes', {}, 'it timed out'],
  ['workflowExecutionTerminatedEventAttributes', {}, 'it was terminated'],
  ['workflowExecutionCompletedEventAttributes', {}, null],
])('a history that ends with %s', (name, attributes, failure) => {
  expect(failureOf({ events: [{}, { [name]: attributes }] })).toBe(failure);
});

describe('plans', () => {
  test('a seed says everything', () => {
    expect(createPlan(17)).toEqual(createPlan(17));
    expect(createPlan(17)).not.toEqual(createPlan(18));
  });

  test('a hundred seeds plan every crash point at least five times', () => {
    const planned = Array.from({ length: 100 }, (_, index) => createPlan(index + 1).crashes).flat();
    for (const point of CRASH_POINTS) {
      const actions = planned.filter((crash) => crash.point === point).map(({ action }) => action);
      expect(actions.filter((action) => action === 'kill').length).toBeGreaterThanOrEqual(5);
      const isOfTheWire = point.endsWith('BytesSent');
      expect({ point, isFrozen: actions.includes('stop') }).toEqual({ point, isFrozen: !isOfTheWire });
    }
  });
});

describe('plans that a crash point needs', () => {
  const plansOf = (point: string) =>
    Array.from({ length: 100 }, (_, index) => createPlan(index + 1)).filter(({ crashes }) =>
      crashes.some((crash) => crash.point === point),
    );

  test('have balance for two payouts that it funds', () => {
    for (const { payouts, openingBalance } of plansOf('balanceReserved')) {
      expect(payouts.filter(({ request }) => request.funding === 'balance').length).toBeGreaterThanOrEqual(2);
      expect(Number(openingBalance)).toBeGreaterThan(payouts.length * 900);
    }
  });

  test('have two payouts that fail, and two that are cancelled', () => {
    const failing = plansOf('returnRecorded').map(({ payouts }) =>
      payouts.filter(({ outcome, deposit }) => outcome === 'failed' && deposit?.kind === 'exact'),
    );
    const cancelled = plansOf('fundingClosed').map(({ payouts }) =>
      payouts.filter(
        ({ deposit, cancelAfterMs }) => deposit?.kind === 'never' && cancelAfterMs !== undefined,
      ),
    );
    for (const payouts of [...failing, ...cancelled]) expect(payouts.length).toBeGreaterThanOrEqual(2);
  });
});

test('a hundred seeds plan every incident at least ten times', () => {
  const planned = Array.from({ length: 100 }, (_, index) => createPlan(index + 1).incidents ?? {});
  const names = ['clockOffsetMs', 'pageSize', 'vanished', 'takenBack', 'anotherAccountAtMs', 'flooded'];
  for (const name of [...names, 'brakedAtMs'])
    expect(planned.filter((incidents) => name in incidents).length).toBeGreaterThanOrEqual(10);
});

test('plans have refusals that quote a key and an account number', () => {
  const faults = Array.from({ length: 100 }, (_, index) => createPlan(index + 1).providerFaults).flat();
  const quoting = faults.filter(({ message }) => message?.includes(CANARY_PROVIDER_KEY));
  expect(new Set(quoting.map(({ endpoint, status }) => `${endpoint} ${String(status)}`))).toEqual(
    new Set([
      'POST /api/v1/orders 402',
      'POST /api/v1/orders 400',
      'POST /api/v1/payouts 400',
      ...READS_OF_OPEN_PAYOUTS.map((endpoint) => `${endpoint} 400`),
    ]),
  );
});

test('regression seeds still mean what they were kept for', async () => {
  for (const { seed, planHash, why } of await readRegressionSeeds()) {
    expect({ seed, planHash: hashPlan(createPlan(seed)) }).toEqual({ seed, planHash });
    expect(why).not.toBe('');
  }
});

test('a planted mistake that nobody knows is none', () => {
  expect(findBug(undefined)).toBeUndefined();
  expect(findBug('blindRetry')?.name).toBe('blindRetry');
  expect(() => findBug('blindretry')).toThrow(/no bug blindretry/);
});

describe('recovery', () => {
  test('is measured to the next transition of what was moving', () => {
    const { store } = soundWorld();
    const inTransitSince = store.transitions.at(-2)?.atMs ?? 0;
    expect(measureRecovery([{ atMs: inTransitSince + 100, what: 'worker died' }], store)).toEqual([4_900]);
    expect(measureRecovery([{ atMs: 0, what: 'worker died' }], store)).toEqual([]);
  });

  test('percentiles are values that were seen', () => {
    expect(percentile([30, 10, 20], 0.5)).toBe(20);
    expect(percentile([30, 10, 20], 0.99)).toBe(30);
    expect(percentile([], 0.5)).toBeUndefined();
  });
});
