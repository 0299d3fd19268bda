import { BYTES_SENT, CRASH_POINT, CRASH_POINTS, type Crash, type CrashPoint } from './crash-points.js';
import { accountNumberOf, CANARY_PROVIDER_KEY } from './canaries.js';
import type {
  Forgery,
  Oddities,
  PayoutMix,
  Plan,
  PlannedPayout,
  PriceChange,
  ProviderFault,
  ServerFault,
  WebhookFault,
} from './plan.js';
import { planAffected, planIncidents } from './plan-incidents.js';
import { createRandom, type Random } from './random.js';

const ENDPOINT = {
  TICKER: 'GET /api/v1/markets/ticker',
  ACCOUNT: 'GET /api/v1/accounts/show',
  BALANCES: 'GET /api/v1/balances/show',
  TRANSACTIONS: 'GET /api/v1/balanceTransactions',
  ORDER: 'POST /api/v1/orders',
  ORDER_READ: 'GET /api/v1/orders/{id}',
  ORDER_LIST: 'GET /api/v1/orders',
  PAYOUT: 'POST /api/v1/payouts',
  PAYOUT_READ: 'GET /api/v1/payouts/{id}',
  PAYOUT_LIST: 'GET /api/v1/payouts',
} as const;

/** The engine must not use a price for longer than this, whatever the provider would still accept. */
const SLOW_DEPOSIT_MS = 50_000;
const SLOW_DEADLINE_SECONDS = 90;
/** One plan of so many lets a price grow too old, which takes its time. */
const SLOW_PLAN_EVERY = 25;
/** Before it all payouts are open, and nobody was quoted the price before it when the slow deposit comes. */
const SLOW_PRICE: PriceChange = { atMs: 12_000, bid: '6.94', ask: '7.01' };

export function createPlan(seed: number): Plan {
  const random = createRandom(seed);
  const points = pointsOf(seed);
  const isSlow = seed % SLOW_PLAN_EVERY === 0;
  const needs = points.flatMap((point) => NEEDS[point] ?? []);
  const usual = planPayouts(random, needs, isSlow);
  const incidents = planIncidents(seed, usual.length);
  const payouts = [...usual, ...planAffected(incidents)];
  return {
    seed,
    payouts,
    providerFaults: [
      ...planProviderFaults(random),
      ...planUnknownOutcomes(random, usual, needs),
      ...planRefusals(seed, usual),
    ],
    webhookFaults: planWebhookFaults(random, points),
    forgeries: planForgeries(random, usual),
    crashes: points.map((point, index) => planCrash(random, seed, point, index)),
    serverFaults: planServerFaults(random),
    prices: isSlow ? [SLOW_PRICE, ...planPrices(random)] : planPrices(random),
    resendMaxAmount: seed % 2 === 0 ? 'CNY:1000000,USDT:1000000' : '0',
    depositDeadlineSeconds: planDeadline(random, isSlow),
    openingBalance: planOpeningBalance(random, needs),
    feeSide: random.chance(0.7) ? 'added' : 'deducted',
    ...(seed % ODD_PLAN_EVERY === 1 ? { oddities: planOddities(seed) } : {}),
    ...(incidents === undefined ? {} : { incidents }),
  };
}

/** So many that each oddity strikes dozens of times in a hundred seeds, and most seeds stay what they were. */
const ODD_PLAN_EVERY = 5;
const ODDITIES_OFFSET = 2_000_000;

/** From a source of their own, so that they change nothing else of a plan. */
function planOddities(seed: number): Oddities {
  const random = createRandom(seed + ODDITIES_OFFSET);
  const refusal = (endpoint: string, payout: number): ProviderFault => ({
    endpoint,
    kind: 'errorAfterEffect',
    times: 1,
    status: random.pick([400, 401, 403, 409, 422, 429]),
    payout,
  });
  return {
    externalOrderIds: random.pick(['dropped', 'cut', 'lowerCase', 'prefixed', 'underscored']),
    visibleAfterMs: random.between(0, 3_000),
    falseRefusals: [refusal(random.pick(POSTS), 0), refusal(ENDPOINT.PAYOUT, 1)],
    sentBack: 1,
  };
}

function planDeadline(random: Random, isSlow: boolean): number {
  const usual = random.chance(0.15) ? 30 : 60;
  return isSlow ? SLOW_DEADLINE_SECONDS : usual;
}

/** Two for each seed, so that a hundred seeds come to every one of them; with others it would be left to chance. */
function pointsOf(seed: number): readonly CrashPoint[] {
  const count = CRASH_POINTS.length;
  const first = seed % count;
  const second = (first + 1 + ((Math.floor(seed / count) * 5 + 7) % (count - 1))) % count;
  return [first, second].flatMap((index) => CRASH_POINTS[index] ?? []);
}

/** What a plan must have for a process to come to a crash point at all. */
type Need = 'balance' | 'cancel' | 'failed' | 'unknown' | 'conversion';
const NEEDS: Readonly<Partial<Record<CrashPoint, readonly Need[]>>> = {
  [CRASH_POINT.BALANCE_RESERVED]: ['balance'],
  [CRASH_POINT.FUNDING_CLOSED]: ['cancel'],
  [CRASH_POINT.RETURN_RECORDED]: ['failed'],
  [CRASH_POINT.OUTCOME_FOUND]: ['unknown'],
  [CRASH_POINT.ORDER_BEFORE_GUARD]: ['conversion'],
  [CRASH_POINT.ORDER_AFTER_GUARD]: ['conversion'],
  [CRASH_POINT.ORDER_AFTER_RESPONSE]: ['conversion'],
  [CRASH_POINT.ORDER_RECORDED]: ['conversion'],
  [CRASH_POINT.ORDER_READ_BACK]: ['conversion'],
  [BYTES_SENT.ORDER]: ['conversion'],
};

/** As many as {@link planPayouts} gives places to. */
const LEAST_PAYOUTS = 6;

/** Enough for all payouts that it funds, where a reservation is what the plan is about. */
function planOpeningBalance(random: Random, needs: readonly Need[]): string {
  const usual = random.chance(0.7) ? '3000' : '150';
  return needs.includes('balance') ? '9000' : usual;
}

function planPayouts(random: Random, needs: readonly Need[], isSlow: boolean): readonly PlannedPayout[] {
  const count = random.between(LEAST_PAYOUTS, LEAST_PAYOUTS + 3);
  const payouts = Array.from({ length: count }, (_, index) => planPayout(random, index));
  const change = (index: number, changes: Partial<PlannedPayout>): void => {
    const payout = payouts[index];
    if (payout !== undefined) payouts[index] = { ...payout, ...changes };
  };
  const plain = { deposit: { kind: 'exact', delayMs: 300 }, cancelAfterMs: undefined } as const;
  const converting = {
    amount: '5000.00',
    currency: 'CNY',
    amountMode: 'receive',
    funding: 'deposit',
  } as const;
  const simple = { ...converting, amount: '300', currency: 'USDT' } as const;
  // The first payouts are what every plan is sure to have: one of each way through the engine.
  change(0, { ...plain, outcome: 'paid', request: converting });
  change(1, { ...plain, outcome: 'paid' });
  if (needs.includes('conversion')) change(1, { request: { ...converting, amount: '2500.50' } });
  // Two of each: a process must come there even if the first one goes another way.
  const supplies: Readonly<Partial<Record<Need, Partial<PlannedPayout>>>> = {
    cancel: { request: simple, deposit: { kind: 'never', delayMs: 0 }, cancelAfterMs: 800 },
    failed: { ...plain, request: simple, outcome: 'failed' },
    balance: { ...fromBalance(), outcome: 'paid' },
  };
  const places = [2, 3, 4, 5];
  for (const need of needs) {
    const supply = supplies[need];
    if (supply !== undefined) places.splice(0, 2).forEach((index) => change(index, supply));
  }
  // What may be refused for good has to come as far as both requests.
  if (count > LEAST_PAYOUTS) {
    change(count - 1, { ...plain, outcome: 'paid', request: { ...converting, amount: '3100.25' } });
  }
  if (isSlow) change(1, { request: converting, deposit: { kind: 'exact', delayMs: SLOW_DEPOSIT_MS } });
  return payouts.map((payout) => settleFunding(payout));
}

function fromBalance(): Pick<PlannedPayout, 'request' | 'deposit' | 'cancelAfterMs'> {
  const request = { amount: '400', currency: 'USDT', amountMode: 'receive', funding: 'balance' } as const;
  return { request, deposit: undefined, cancelAfterMs: undefined };
}

function settleFunding(payout: PlannedPayout): PlannedPayout {
  if (payout.request.funding === 'balance') return { ...payout, deposit: undefined };
  return payout.deposit === undefined ? { ...payout, deposit: { kind: 'exact', delayMs: 200 } } : payout;
}

function planPayout(random: Random, index: number): PlannedPayout {
  const request = planRequest(random);
  const kinds = [
    'exact',
    'exact',
    'exact',
    'exact',
    'pending',
    'silent',
    'split',
    'excess',
    'lie',
    'never',
  ] as const;
  const kind = random.pick(kinds);
  const isCancelled = kind === 'never' ? random.chance(0.6) : random.chance(0.1);
  return {
    index,
    request,
    startsAtMs: random.between(0, 2_500),
    deposit: { kind, delayMs: random.between(0, 2_000) },
    cancelAfterMs: isCancelled ? random.between(200, 3_000) : undefined,
    outcome: random.pick(['paid', 'paid', 'paid', 'paid', 'paid', 'failed', 'cancelled', 'stuck']),
    repeats: random.chance(0.4) ? random.between(1, 2) : 0,
    hasConflict: random.chance(0.15),
  };
}

function planRequest(random: Random): PayoutMix {
  const currency = random.chance(0.65) ? 'CNY' : 'USDT';
  const amountMode = random.chance(0.65) ? 'receive' : 'send';
  const isInCny = currency === 'CNY' && amountMode === 'receive';
  const fraction = String(random.between(0, 99)).padStart(2, '0');
  const amount = isInCny
    ? `${random.between(1_600, 9_000)}.${fraction}`
    : `${random.between(230, 900)}.${fraction}`;
  return { amount, currency, amountMode, funding: random.chance(0.2) ? 'balance' : 'deposit' };
}

/** Before the effect, after it, or instead of a readable answer. Delays stay below the campaign's unknown-outcome wait. */
const ANY_KINDS = [
  'status',
  'resetBeforeEffect',
  'resetAfterEffect',
  'notJson',
  'truncated',
  'rate_limit_error',
] as const;
const READ_KINDS = [
  ...ANY_KINDS,
  'api_error',
  'authentication_error',
  'timeoutBeforeEffect',
  'redirect',
] as const;
const POST_KINDS = [...ANY_KINDS, 'errorAfterEffect', 'statusAfterEffect', 'timeoutAfterEffect'] as const;
const LATE_KINDS = ['delayBeforeEffect', 'delayAfterEffect'] as const;

const READS = [
  ENDPOINT.TICKER,
  ENDPOINT.ACCOUNT,
  ENDPOINT.BALANCES,
  ENDPOINT.TRANSACTIONS,
  ENDPOINT.ORDER_READ,
  ENDPOINT.ORDER_LIST,
  ENDPOINT.PAYOUT_READ,
  ENDPOINT.PAYOUT_LIST,
] as const;
const POSTS = [ENDPOINT.ORDER, ENDPOINT.PAYOUT] as const;

function planProviderFaults(random: Random): readonly ProviderFault[] {
  const reads = Array.from({ length: random.between(2, 5) }, (): ProviderFault => {
    const kind = random.pick(READ_KINDS);
    return { endpoint: random.pick(READS), kind, times: random.between(1, 3), ...wordsOf(random, kind) };
  });
  const posts = Array.from({ length: random.between(0, 2) }, (): ProviderFault => {
    const kind = random.chance(0.25) ? random.pick(LATE_KINDS) : random.pick(POST_KINDS);
    return { endpoint: random.pick(POSTS), kind, times: 1, ...wordsOf(random, kind) };
  });
  return [...reads, ...posts];
}

function wordsOf(
  random: Random,
  kind: string,
): Pick<ProviderFault, 'status' | 'delayMs' | 'retryAfterSeconds'> {
  if (kind === 'status') return { status: random.pick([500, 502, 503, 504]) };
  // A proxy's own page has no error object, whatever its status.
  if (kind === 'statusAfterEffect') return { status: random.pick([403, 500, 502, 503, 504]) };
  if (kind.startsWith('delay')) return { delayMs: random.between(200, 1_800) };
  return kind === 'rate_limit_error' ? { retryAfterSeconds: random.between(0, 1) } : {};
}

/** Requests of which the engine must find out by itself that they arrived. */
function planUnknownOutcomes(
  random: Random,
  payouts: readonly PlannedPayout[],
  needs: readonly Need[],
): readonly ProviderFault[] {
  const wanted = needs.includes('unknown') || random.chance(0.5);
  if (!wanted) return [];
  const kinds = [
    'errorAfterEffect',
    'statusAfterEffect',
    'resetAfterEffect',
    'truncated',
    'notJson',
  ] as const;
  const converting = payouts[0]?.index ?? 0;
  return [
    { endpoint: random.pick(POSTS), kind: random.pick(kinds), times: 1, payout: converting },
    { endpoint: ENDPOINT.PAYOUT, kind: random.pick(kinds), times: 1, payout: 1 },
  ];
}

/**
 * Documented refusals, in words that quote what must not be shown. From a source of their own, so that they change
 * nothing else of a plan.
 */
function planRefusals(seed: number, payouts: readonly PlannedPayout[]): readonly ProviderFault[] {
  const random = createRandom(seed + REFUSALS_OFFSET);
  const refusal = (endpoint: string, status: number, quoted: number): ProviderFault => ({
    endpoint,
    kind: 'invalid_request_error',
    times: 1,
    status,
    message: `account ${accountNumberOf(seed, quoted)} is not open to the key ${CANARY_PROVIDER_KEY}`,
  });
  const faults: ProviderFault[] = [];
  // The price is refused; the next one is taken.
  if (random.chance(0.4)) faults.push({ ...refusal(ENDPOINT.ORDER, 402, 0), payout: 0 });
  // Refused for good: only a payout that no crash point needs.
  const last = payouts.length - 1;
  if (last >= LEAST_PAYOUTS && random.chance(0.5)) {
    faults.push({ ...refusal(random.pick(POSTS), 400, last), payout: last });
  }
  if (random.chance(0.4)) faults.push(refusal(random.pick(READS_OF_OPEN_PAYOUTS), 400, 1));
  return faults;
}

const REFUSALS_OFFSET = 1_000_000;
/** A ticker that is refused says that there is no such pair: the payout is not opened, and nothing is at stake. */
export const READS_OF_OPEN_PAYOUTS = READS.filter((endpoint) => endpoint !== ENDPOINT.TICKER);

function planWebhookFaults(random: Random, points: readonly CrashPoint[]): readonly WebhookFault[] {
  const isAboutWebhooks = points.some((point) => point.startsWith('webhook'));
  return Array.from({ length: random.between(isAboutWebhooks ? 0 : 1, 4) }, (): WebhookFault => {
    const kind = random.pick([
      'webhookLost',
      'webhookDoubled',
      'webhookDelayed',
      'webhookHeld',
      'webhookStale',
    ] as const);
    const eventType = random.pick(['deposit.confirmed', 'payout.paid', 'payout.failed', undefined] as const);
    return {
      kind,
      ...(eventType === undefined ? {} : { eventType }),
      ...(kind === 'webhookDelayed' ? { delayMs: random.between(500, 4_000) } : {}),
    };
  });
}

function planForgeries(random: Random, payouts: readonly PlannedPayout[]): readonly Forgery[] {
  return Array.from({ length: random.between(1, 3) }, () => ({
    type: random.pick(['payout.paid', 'payout.failed', 'deposit.confirmed'] as const),
    signature: random.pick(['valid', 'valid', 'wrong', 'none'] as const),
    atMs: random.between(1_500, 8_000),
    payout: random.between(0, payouts.length - 1),
  }));
}

const SCARCE_POINTS: readonly CrashPoint[] = [
  CRASH_POINT.BALANCE_RESERVED,
  CRASH_POINT.FUNDING_CLOSED,
  CRASH_POINT.RETURN_RECORDED,
  CRASH_POINT.OUTCOME_FOUND,
  CRASH_POINT.SETTLEMENT_READ,
  CRASH_POINT.SETTLEMENT_RECORDED,
];

function planCrash(random: Random, seed: number, point: CrashPoint, index: number): Crash {
  const arrival = random.chance(0.7) ? 1 : 2;
  return {
    id: String(index),
    point,
    // Few payouts come to these, and each of them once.
    arrival: SCARCE_POINTS.includes(point) ? 1 : arrival,
    action: index === 0 || isOfTheWire(point) ? 'kill' : secondActionOf(seed),
    arrives: random.chance(0.6),
  };
}

/**
 * The first crash of a seed kills. The second one takes turns, so that a hundred seeds also freeze a process at every
 * point, and strike a server while a process stands there.
 */
function secondActionOf(seed: number): Crash['action'] {
  const turns = ['stop', 'kill', seed % 2 === 0 ? 'temporal' : 'postgres', 'stop', 'kill'] as const;
  return turns[Math.floor(seed / CRASH_POINTS.length) % turns.length] ?? 'kill';
}

function isOfTheWire(point: CrashPoint): boolean {
  return point === BYTES_SENT.ORDER || point === BYTES_SENT.PAYOUT;
}

function planServerFaults(random: Random): readonly ServerFault[] {
  if (!random.chance(0.3)) return [];
  const server = random.pick(['temporal', 'postgres'] as const);
  return [{ server, atMs: random.between(2_000, 7_000), downMs: random.between(200, 3_000) }];
}

/** Within the slippage that the engine allows, so that no payout waits for a better price. */
function planPrices(random: Random): readonly PriceChange[] {
  return Array.from({ length: random.between(0, 3) }, (_, index) => ({
    atMs: 1_500 + index * 2_500,
    bid: `6.9${random.between(5, 9)}`,
    ask: `7.0${random.between(1, 5)}`,
  }));
}
