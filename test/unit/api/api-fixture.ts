import { createHash } from 'node:crypto';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { pino } from 'pino';
import type { ApiKeyEntry } from '../../../src/domain/api-key-entry.js';
import type { ApiBackends } from '../../../src/api/api-server.js';
import { createApi, type ApiDependencies } from '../../../src/api/server.js';
import type { PayoutRequest } from '../../../src/domain/payout-request.js';
import { DEFAULT_PAYOUT_POLICY } from '../../../src/domain/policy.js';
import type { DepositRecord } from '../../../src/store/deposits/deposit-reading.js';
import type { LedgerEntry } from '../../../src/store/ledger/ledger-reading.js';
import type { PayoutRecord } from '../../../src/store/payouts/payout-reading.js';

export const ACCOUNT_NUMBER = 'canary-account-6222';
export const KEYS = { shop: 'key-of-the-shop', viewer: 'key-of-the-viewer', ops: 'key-of-ops' } as const;
const entry = (name: keyof typeof KEYS, scopes: ApiKeyEntry['scopes']): ApiKeyEntry => ({
  name,
  scopes,
  owner: name === 'shop' ? 'shop-owner' : 'default',
  sha256: createHash('sha256').update(KEYS[name]).digest('hex'),
});
const API_KEYS = [entry('shop', ['create', 'read']), entry('viewer', ['read']), entry('ops', ['operate'])];

export const REQUEST: PayoutRequest = {
  payoutId: 'inv-2026-0001',
  amount: '5000.00',
  currency: 'CNY',
  amountMode: 'receive',
  fundingCurrency: 'USDT',
  destination: {
    type: 'bankAccount',
    payerName: 'canary-name-Li',
    bankAccountNum: ACCOUNT_NUMBER,
    bankName: 'canary-bank',
  },
  description: 'Invoice 2026-0001',
};

/** A hash that is as good as the store's for telling requests apart. */
const hashOf = (request: PayoutRequest): string => `hash:${JSON.stringify(request)}`;

export function recordOf(changes: Partial<PayoutRecord> = {}): PayoutRecord {
  const { payoutId, amount, currency, amountMode, fundingCurrency } = REQUEST;
  return {
    payoutId,
    requestHash: hashOf(REQUEST),
    maker: 'shop',
    owner: 'shop-owner',
    policy: DEFAULT_PAYOUT_POLICY,
    request: REQUEST,
    destinations: [
      { attempt: 1, destination: REQUEST.destination, since: new Date('2026-01-01T03:04:05.678Z') },
    ],
    amount,
    currency,
    amountMode,
    fundingCurrency,
    funding: 'deposit',
    status: 'awaiting_deposit',
    holdReason: null,
    failure: null,
    flags: [],
    deposit: {
      currency: 'USDT',
      network: 'TRC20',
      address: '0x31C2',
      amount: '732.150013',
      matchedBy: 'amount',
      received: '0',
      expiresAt: new Date('2026-01-02T03:04:05.678Z'),
    },
    feeTerms: { side: 'added', payoutRate: '0.005', tradeRate: '0' },
    minimum: null,
    estimatedPrice: null,
    priceOffer: null,
    acceptedPrice: null,
    orderAttempt: 1,
    payoutAttempt: 1,
    heldFrom: null,
    order: null,
    providerPayout: null,
    createdAt: new Date('2026-01-01T03:04:05.678Z'),
    updatedAt: new Date('2026-01-01T03:04:06.000Z'),
    ...changes,
  };
}

export const TRANSACTION = 'ab'.repeat(32);

/** A deposit that nobody expected. */
export function depositOf(changes: Partial<DepositRecord> = {}): DepositRecord {
  return {
    depositId: `tx:${TRANSACTION}`,
    providerDepositId: null,
    txHash: TRANSACTION,
    currency: 'USDT',
    amount: '100.5',
    address: '0x31C2',
    status: 'unallocated',
    unallocatedReason: 'UNMATCHED_DEPOSIT',
    allocations: [],
    suggestions: [],
    verifiedAt: new Date('2026-01-01T03:04:05.678Z'),
    decidedAt: new Date('2026-01-01T03:04:06.000Z'),
    ...changes,
  };
}

/** The entry of a deposit that a payout expected. */
export function entryOf(changes: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    entryId: '7',
    cause: 'allocation',
    causeId: 'dep_1',
    fundingAccount: 'main',
    payoutId: REQUEST.payoutId,
    depositId: 'dep_1',
    actor: null,
    details: { expected: '732.150013' },
    at: new Date('2026-01-01T04:00:00Z'),
    postings: [
      { account: 'unallocated', payoutId: null, owner: null, currency: 'USDT', amount: '732.150013' },
      { account: 'payout', payoutId: REQUEST.payoutId, owner: null, currency: 'USDT', amount: '-732.150013' },
    ],
    ...changes,
  };
}

/**
 * A store that holds the payouts it is given, and gateways that know nothing. Their functions are meant to be
 * replaced; `calls` tells what the gateways, the store's lists and its writes were asked.
 */
export function createFakes(...records: PayoutRecord[]) {
  const kept = new Map(records.map((record) => [record.payoutId, record]));
  const keptDeposits = new Map<string, DepositRecord>();
  const calls: unknown[] = [];
  const store: Writable<ApiBackends['store']> = {
    payouts: {
      findPayout: (payoutId) => Promise.resolve(kept.get(payoutId)),
      listPayouts: (request) => {
        calls.push(request);
        return Promise.resolve({ items: [...kept.values()], hasMore: false });
      },
      accept: ({ request }) => {
        const existing = kept.get(request.payoutId);
        if (existing !== undefined) {
          return Promise.resolve(existing.requestHash === hashOf(request) ? 'known' : 'conflict');
        }
        const { funding = 'deposit', ...asked } = request;
        const changes = { ...asked, funding, request, requestHash: hashOf(request) };
        kept.set(request.payoutId, recordOf({ ...changes, status: 'opening', deposit: null }));
        return Promise.resolve('created');
      },
      whyNotCancelled: () => Promise.resolve(undefined),
      readTimeline: () => Promise.resolve([{ status: 'opening', at: new Date(0), detail: 'requested' }]),
    },
    deposits: {
      readAgain: () => Promise.resolve([]),
      assignDeposits: () => Promise.reject(new Error('assignDeposits is not expected')),
      noteDeposit: () => Promise.reject(new Error('noteDeposit is not expected')),
      listOpenNotices: (request) => {
        calls.push(request);
        return Promise.resolve({ items: [], hasMore: false });
      },
      declareTransaction: (declaration) => {
        calls.push(declaration);
        return Promise.resolve('DECLARED');
      },
      findDeposit: (depositId) => Promise.resolve(keptDeposits.get(depositId)),
      findDepositsOfTransaction: (txHash) =>
        Promise.resolve([...keptDeposits.values()].filter((deposit) => deposit.txHash === txHash)),
      listDeposits: (request) => {
        calls.push(request);
        return Promise.resolve({ items: [...keptDeposits.values()], hasMore: false });
      },
    },
    decisions: {
      answerEarly: () => Promise.resolve(undefined),
      nameOperation: (key) => Promise.resolve(`${key}#hash`),
    },
    requests: { listAnswers: () => Promise.resolve([]) },
    brakes: {
      listBrakes: () => Promise.resolve([]),
      engageByHand: () => Promise.reject(new Error('engageByHand is not expected')),
      release: () => Promise.reject(new Error('release is not expected')),
    },
    mirror: {
      readStatus: () =>
        Promise.resolve({
          now: new Date('2026-01-01T00:01:00Z'),
          sync: {
            generation: '3',
            syncNo: '41',
            beganAt: new Date('2026-01-01T00:00:48Z'),
            completedAt: new Date('2026-01-01T00:00:50Z'),
            clockSkewMs: -120,
            maxRequestsPerSecond: 5,
            triedAt: new Date('2026-01-01T00:00:48Z'),
            problem: null,
          },
          lists: [],
          problems: [],
          untoldPayouts: [],
          requests: [{ reason: 'sync', operation: 'listPayouts', requests: 6 }],
        }),
    },
    ledger: {
      adjustLedger: () => Promise.reject(new Error('adjustLedger is not expected')),
      listLedgerEntries: (request) => {
        calls.push(request);
        return Promise.resolve({ items: [], hasMore: false });
      },
      readBalances: () => Promise.resolve([]),
      readPostingsOf: () => Promise.resolve([]),
    },
    ping: () => Promise.resolve(),
  };
  const payouts: Writable<ApiBackends['payouts']> = {
    open: () => Promise.reject(new Error('open is not expected')),
    cancel: () => Promise.reject(new Error('cancel is not expected')),
    decide: () => Promise.reject(new Error('decide is not expected')),
    ping: () => Promise.resolve(),
  };
  const reconciliation: Writable<ApiBackends['reconciliation']> = { run: () => Promise.resolve(undefined) };
  const payoutPolicy = DEFAULT_PAYOUT_POLICY;
  const depositPatienceSeconds = 3_600;
  return { kept, keptDeposits, calls, store, payouts, payoutPolicy, depositPatienceSeconds, reconciliation };
}

type Writable<Port> = {
  -readonly [Name in keyof Port]: Port[Name] extends (...parameters: never[]) => unknown
    ? Port[Name]
    : Writable<Port[Name]>;
};
type Fakes = ReturnType<typeof createFakes>;

interface OpenedApi {
  readonly app: FastifyInstance;
  readonly logLines: readonly string[];
}

const opened: FastifyInstance[] = [];
/** The API that the tests of a file share, and the fakes that are behind it at the moment. */
let shared: FastifyInstance | undefined;
let current = { fakes: createFakes(), logLines: [] as string[] };

/**
 * An API with the fakes behind it. To make one takes longer than most tests, so that one that is like all others is
 * shared: of two at a time the later fakes count. With `changes` it is one of its own, closed by {@link closeApis}.
 */
export async function openApi(fakes: Fakes, changes?: Partial<ApiDependencies>): Promise<OpenedApi> {
  const logLines: string[] = [];
  if (changes === undefined) {
    current = { fakes, logLines };
    shared ??= await createTestApi(toCurrentFakes(), (line) => current.logLines.push(line));
    return { app: shared, logLines };
  }
  const app = await createTestApi({ ...fakes, ...changes }, (line) => logLines.push(line));
  opened.push(app);
  return { app, logLines };
}

function createTestApi(parts: ApiBackends & Partial<ApiDependencies>, write: (line: string) => void) {
  return createApi({
    apiKeys: API_KEYS,
    logger: pino({ level: 'info' }, { write }),
    isDraining: () => false,
    version: '1.2.3',
    ...parts,
  });
}

function toCurrentFakes(): ApiBackends {
  const follow = <Name extends 'store' | 'payouts' | 'reconciliation'>(name: Name): ApiBackends[Name] =>
    new Proxy(current.fakes[name], {
      get: (_first, member) => Reflect.get(current.fakes[name], member) as unknown,
    });
  return {
    store: follow('store'),
    payouts: follow('payouts'),
    payoutPolicy: DEFAULT_PAYOUT_POLICY,
    depositPatienceSeconds: 3_600,
    reconciliation: follow('reconciliation'),
  };
}

export async function closeApis(): Promise<void> {
  await Promise.all(opened.splice(0).map((app) => app.close()));
}

/** A request as the shop's backend sends it. */
export function asShop(method: 'GET' | 'POST', url: string, payload?: object): InjectOptions {
  return withKey('shop', method, url, payload);
}

/** A request as an operator sends it. */
export function asOps(method: 'GET' | 'POST', url: string, payload?: object): InjectOptions {
  return withKey('ops', method, url, payload);
}

function withKey(
  name: keyof typeof KEYS,
  method: 'GET' | 'POST',
  url: string,
  payload?: object,
): InjectOptions {
  return {
    method,
    url,
    headers: { authorization: `Bearer ${KEYS[name]}` },
    ...(payload === undefined ? {} : { payload }),
  };
}
