import type { World } from './world.js';

/** A small world in which nothing is wrong, made by hand: tests of the checker break one thing of it at a time. */
export function soundWorld(): World {
  return {
    planned: ['p1'],
    mayResend: false,
    recipients: new Map([['p1', '6222']]),
    takenBack: [],
    brakesWithCause: [],
    isTemporalLost: false,
    missing: [],
    ...soundMoney(),
    answers: soundAnswers(),
    histories: soundHistories(),
    texts: SOUND_TEXTS,
    canaries: ['secret-key'],
  };
}

const OPENED_MS = 1_000_000;
const PAID_MS = OPENED_MS + 9_000;

/** 1000 USDT were there; 720 came in, 700 of them were sold at 7 and 4800 CNY paid out, with a fee of 24; another payout failed. */
function soundMoney(): Pick<World, 'provider' | 'store'> {
  return {
    provider: {
      sentElsewhere: [],
      payouts: [
        {
          id: 'PP1',
          externalOrderId: 'p1',
          currency: 'CNY',
          amount: '4800.00',
          fee: '24',
          status: 'paid',
          recipient: '6222',
        },
        {
          id: 'PP0',
          externalOrderId: 'p0',
          currency: 'CNY',
          amount: '10',
          fee: '1',
          status: 'failed',
          recipient: '6223',
        },
      ],
      orders: [{ id: 'O1', externalOrderId: 'p1', amount: '700', quoteAmount: '4900', price: '7' }],
      transactions: [
        transaction('T0', 'deposit', 'D0', 'USDT', '1000', OPENED_MS - 5_000),
        transaction('T1', 'deposit', 'D1', 'USDT', '720', OPENED_MS + 1_000),
        transaction('T2', 'order', 'O1', 'USDT', '-700', OPENED_MS + 4_000),
        transaction('T3', 'order', 'O1', 'CNY', '4900', OPENED_MS + 4_000),
        transaction('T4', 'payout', 'PP1', 'CNY', '-4824', OPENED_MS + 5_000),
        transaction('T5', 'payout', 'PP0', 'CNY', '-11', OPENED_MS + 5_500),
        transaction('T6', 'payoutFailure', 'PP0', 'CNY', '11', OPENED_MS + 6_000),
      ],
      balances: [
        { currency: 'USDT', amount: '1020' },
        { currency: 'CNY', amount: '76' },
      ],
      unannounced: [],
      ends: [{ providerPayoutId: 'PP1', status: 'paid', atMs: PAID_MS - 500 }],
      journal: [
        entry('GET /api/v1/balanceTransactions', '/api/v1/balanceTransactions?source=D1', OPENED_MS + 2_000),
        entry('GET /api/v1/markets/ticker', '/api/v1/markets/ticker', OPENED_MS + 3_500),
        entry('POST /api/v1/orders', '/api/v1/orders', OPENED_MS + 4_000, ['O1']),
        entry('POST /api/v1/payouts', '/api/v1/payouts', OPENED_MS + 5_000, ['PP1']),
        entry('GET /api/v1/orders/{id}', '/api/v1/orders/O1', OPENED_MS + 4_500),
        entry('GET /api/v1/balanceTransactions', '/api/v1/balanceTransactions?source=PP0', OPENED_MS + 7_000),
        entry('GET /api/v1/payouts/{id}', '/api/v1/payouts/PP1', PAID_MS - 200),
      ],
      bids: [{ sinceMs: 0, bid: '7' }],
    },
    store: soundStore(),
  };
}

function soundStore(): World['store'] {
  const account = (kind: string, currency: string, balance: string, payoutId: string | null = null) => {
    const owner = kind === 'owed' ? 'default' : null;
    return { kind, currency, payoutId, owner, balance, posted: balance };
  };
  const statuses = ['opening', 'awaiting_deposit', 'converting', 'paying', 'in_transit', 'paid'];
  return {
    payouts: [
      {
        payoutId: 'p1',
        status: 'paid',
        holdReason: null,
        providerPayoutId: 'PP1',
        amount: '4800',
        currency: 'CNY',
        deposit: { address: 'wallet', amount: '720.000000' },
      },
    ],
    transitions: statuses.map((status, index) => ({
      payoutId: 'p1',
      status,
      atMs: status === 'paid' ? PAID_MS : OPENED_MS + index * 1_000,
    })),
    deposits: [
      {
        depositKey: 'D1',
        providerDepositId: 'D1',
        currency: 'USDT',
        amount: '720',
        status: 'allocated',
        verifiedAtMs: OPENED_MS + 2_100,
      },
    ],
    attempts: [
      {
        externalOrderId: 'p1',
        payoutId: 'p1',
        providerPayoutId: 'PP1',
        amount: '4800',
        fee: '24',
        status: 'paid',
      },
    ],
    orders: [
      {
        externalOrderId: 'p1',
        payoutId: 'p1',
        providerOrderId: 'O1',
        amount: '700',
        quoteAmount: '4900',
        bookedAtMs: OPENED_MS + 4_600,
      },
    ],
    allocations: [{ payoutId: 'p1', providerDepositId: 'D1' }],
    brakes: [],
    returns: [{ balanceTransactionId: 'T6', atMs: OPENED_MS + 7_500 }],
    requests: [{ operation: 'payout', externalOrderId: 'p1', payoutId: 'p1', state: 'accepted', sends: 1 }],
    accounts: [
      account('provider', 'USDT', '1020'),
      account('available', 'USDT', '1000'),
      account('provider', 'CNY', '76'),
      account('available', 'CNY', '76'),
      account('payout', 'USDT', '0', 'p1'),
      account('payout', 'CNY', '0', 'p1'),
      account('return_pending', 'CNY', '0'),
      account('owed', 'USDT', '20'),
    ],
  };
}

function soundAnswers(): World['answers'] {
  const answer = (
    kind: 'create' | 'read',
    httpStatus: number,
    status: string,
    atMs: number,
  ): World['answers'][number] => ({
    atMs,
    kind,
    payoutId: 'p1',
    httpStatus,
    payout: {
      payoutId: 'p1',
      status,
      amount: '4800.00',
      currency: 'CNY',
      deposit: { address: 'wallet', amount: '720' },
      providerPayoutId: status === 'paid' ? 'PP1' : null,
      holdReason: null,
      isFunded: status !== 'awaiting_deposit',
    },
  });
  return [
    answer('create', 201, 'awaiting_deposit', OPENED_MS + 1_500),
    answer('create', 200, 'awaiting_deposit', OPENED_MS + 1_600),
    answer('read', 200, 'converting', OPENED_MS + 2_500),
    answer('read', 200, 'paid', PAID_MS + 500),
    answer('create', 200, 'paid', PAID_MS + 600),
  ];
}

function soundHistories(): World['histories'] {
  return ['payout/p1'].map((workflowId) => ({ workflowId, replayError: null, failure: null }));
}

const SOUND_TEXTS = [{ where: 'log', text: '{"level":"info","payoutId":"p1"}' }];

function transaction(
  id: string,
  type: string,
  source: string,
  currency: string,
  net: string,
  createdAtMs: number,
) {
  return { id, type, source, currency, net, createdAtMs };
}

function entry(endpoint: string, path: string, atMs: number, effects: readonly string[] = []) {
  const externalOrderId = endpoint.startsWith('POST') ? 'p1' : null;
  const currencies = endpoint.startsWith('POST') ? ['USDT'] : [];
  return { atMs, endpoint, path, externalOrderId, status: 200, fault: null, effects, currencies };
}
