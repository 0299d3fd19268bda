import { setTimeout as delay } from 'node:timers/promises';
import { isGrpcServiceError, type Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { WORKFLOW_BUNDLE_PATH } from '../../src/bin/project-files.js';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { addAmounts } from '../../src/domain/money.js';
import { BRAKE_KIND, type BrakeKind } from '../../src/domain/brake.js';
import { accountNumberOf, CANARY_CALLER_KEY, CANARY_PROVIDER_KEY } from './canaries.js';
import type { Plan } from './plan.js';
import { INCIDENT, type Incident, type PlayedIncidents } from './play-incidents.js';
import type { SeedWorld } from './seed-world.js';
import { isOwnReading, readSentIds, type SimulatorClient } from './simulator-client.js';
import { withDatabase } from './with-database.js';
import type { StoreWorld, HistoryReading, ProviderWorld, PublicText, World } from './world.js';

export interface Played {
  readonly world: SeedWorld;
  readonly plan: Plan;
  readonly planned: readonly string[];
  readonly bids: ProviderWorld['bids'];
  readonly missing: readonly string[];
  readonly incidents: PlayedIncidents | undefined;
}

/** Reads what the checker judges: the simulator over HTTP, the store by SQL, and Temporal's histories. */
export async function collectWorld(temporal: Client, played: Played): Promise<World> {
  const { world, plan, planned, missing, incidents } = played;
  const { provider, store, isAtRest } = await readMoney(played);
  const { histories, texts } = await readHistories(temporal, world.taskQueue, store);
  const accounts = plan.payouts.map(({ index }) => accountNumberOf(plan.seed, index));
  const struck = incidents?.struck ?? [];
  return {
    planned,
    recipients: new Map(planned.map((payoutId, place) => [payoutId, accounts[place] ?? ''])),
    takenBack: incidents?.takenBack ?? [],
    brakesWithCause: struck.flatMap((incident) => BRAKES_OF[incident] ?? []),
    isTemporalLost: struck.includes(INCIDENT.TEMPORAL_LOST),
    mayResend: plan.resendMaxAmount !== '0',
    missing: isAtRest ? missing : [...missing, 'provider and store do not come to rest'],
    provider,
    store,
    answers: world.caller.answers,
    histories,
    texts: [
      ...texts,
      ...(await readFailureTexts(world.databaseUrl)),
      ...world.logLines.map((text) => ({ where: 'log', text })),
    ],
    canaries: [CANARY_PROVIDER_KEY, CANARY_CALLER_KEY, ...accounts],
  };
}

/** What an incident gives cause for. A payout that vanished may be the newest one, by which the account is known. */
const BRAKES_OF: Readonly<Partial<Record<Incident, readonly BrakeKind[]>>> = {
  [INCIDENT.VANISHED]: [BRAKE_KIND.ACCOUNT_CHANGED],
  [INCIDENT.ANOTHER_ACCOUNT]: [BRAKE_KIND.ACCOUNT_CHANGED],
  [INCIDENT.BRAKED]: [BRAKE_KIND.MANUAL],
  [INCIDENT.TAKEN_BACK]: [BRAKE_KIND.DEPOSIT_GONE, BRAKE_KIND.SHORTFALL],
};

interface Money {
  readonly provider: ProviderWorld;
  readonly store: StoreWorld;
}

const MOST_ENTRIES = 10_000;
const MAX_READINGS = 20;
const READING_PAUSE_MS = 500;

/** Until two readings agree: provider and store are read one after the other, and must not change in between. */
async function readMoney({ world, bids }: Played): Promise<Money & { readonly isAtRest: boolean }> {
  const read = async (): Promise<Money> => ({
    provider: {
      ...(await readProvider(world.simulator, bids)),
      sentElsewhere: await readSentElsewhere(world),
    },
    store: await readStore(world.databaseUrl),
  });
  // Held payouts are looked at again and again: readings alone change nothing.
  const pictureOf = ({ provider, store }: Money): string =>
    JSON.stringify([{ ...provider, journal: [] }, store]);
  let before = await read();
  for (let reading = 1; reading < MAX_READINGS; reading += 1) {
    await delay(READING_PAUSE_MS);
    const after = await read();
    if (pictureOf(after) === pictureOf(before)) return { ...after, isAtRest: true };
    before = after;
  }
  return { ...before, isAtRest: false };
}

type Row = Readonly<Record<string, unknown>>;
const text = (row: Row, name: string): string => textOrNull(row, name) ?? '';
const textOrNull = (row: Row, name: string): string | null => {
  const value = row[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
};
const timeMs = (row: Row, name: string): number => Date.parse(text(row, name));
const pick = <Name extends string>(row: Row, ...names: readonly Name[]): Record<Name, string> =>
  Object.fromEntries(names.map((name) => [name, text(row, name)])) as Record<Name, string>;

async function readSentElsewhere({ another }: SeedWorld): Promise<readonly string[]> {
  return [...(await readSentIds(another)).values()];
}

async function readProvider(
  simulator: SimulatorClient,
  bids: ProviderWorld['bids'],
): Promise<Omit<ProviderWorld, 'sentElsewhere'>> {
  const { data: journal } = await simulator.control('GET', `/journal?limit=${MOST_ENTRIES}`);
  if ((journal as Row[]).length === MOST_ENTRIES)
    throw new Error('the journal is longer than what is read of it');
  const sentAs = await readSentIds(simulator);
  const recipients = new Map(
    (journal as Row[]).flatMap((row) =>
      (row['effects'] as string[]).map((id) => [id, recipientOf(row)] as const),
    ),
  );
  const { balances } = await simulator.control('GET', '/state');
  const events = await simulator.listAll('/_simulator/events');
  const payouts = await simulator.listAll('/api/v1/payouts');
  const orders = await simulator.listAll('/api/v1/orders');
  const transactions = await simulator.listAll('/api/v1/balanceTransactions');
  return {
    payouts: payouts.map((row) => ({
      ...pick(row, 'id', 'currency', 'amount', 'fee', 'status'),
      externalOrderId: sentAs.get(text(row, 'id')) ?? '',
      recipient: recipients.get(text(row, 'id')) ?? null,
    })),
    orders: orders.map((row) => ({
      ...pick(row, 'id', 'amount', 'quoteAmount', 'price'),
      externalOrderId: sentAs.get(text(row, 'id')) ?? '',
    })),
    transactions: transactions.map((row) => ({
      ...pick(row, 'id', 'type', 'source', 'currency', 'net'),
      createdAtMs: timeMs(row, 'createdAt'),
    })),
    balances: (balances as Row[]).map((row) => ({
      currency: text(row, 'currency'),
      amount: addAmounts(text(row, 'available'), text(row, 'pending')),
    })),
    ends: events.flatMap(toEnd),
    unannounced: events.flatMap(toUnannounced),
    journal: (journal as Row[])
      .filter((row) => !isOwnReading(text(row, 'path')))
      .map((row) => ({
        atMs: timeMs(row, 'servedAt'),
        endpoint: text(row, 'endpoint'),
        path: text(row, 'path'),
        externalOrderId: textOrNull(toRow(row['body']), 'externalOrderId'),
        status: row['status'] === null ? null : Number(row['status']),
        fault: textOrNull(row, 'fault'),
        effects: row['effects'] as string[],
        currencies: currenciesOf(row['body']),
      })),
    bids,
  };
}

const toRow = (value: unknown): Row => (typeof value === 'object' && value !== null ? (value as Row) : {});

/** A payout names its currency, an order two of them: it sells the first. */
function currenciesOf(body: unknown): readonly string[] {
  const [sold] = text(toRow(body), 'symbol').split('/');
  return [text(toRow(body), 'currency'), sold ?? ''].filter((currency) => currency !== '');
}

function recipientOf(row: Row): string | null {
  const destination = toRow(toRow(row['body'])['destination']);
  return textOrNull(destination, 'bankAccountNum') ?? textOrNull(destination, 'addr');
}

/** The simulator's own event of an end; a forged one is about no object of its own. */
function toEnd(row: Row): ProviderWorld['ends'] {
  const [kind, status = ''] = text(row, 'type').split('.');
  const subject = row['subject'] as { readonly id: string } | null;
  const isEnd = kind === 'payout' && ['paid', 'failed', 'cancelled'].includes(status);
  if (!isEnd || subject === null) return [];
  return [{ providerPayoutId: subject.id, status, atMs: timeMs(row, 'createdAt') }];
}

function toUnannounced(row: Row): readonly string[] {
  const subject = row['subject'] as { readonly id: string } | null;
  const isDeposit = text(row, 'type') === 'deposit.confirmed' && subject !== null;
  return isDeposit && row['delivery'] !== 'acknowledged' ? [subject.id] : [];
}

const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;

/** The tables of the world, in its words. */
const STORE_QUERIES: Readonly<Record<keyof StoreWorld, string>> = {
  payouts: `select p.payout_id as "payoutId", p.status, p.hold_reason as "holdReason", p.amount, p.currency,
      case when p.deposit_address is not null
        then json_build_object('address', p.deposit_address, 'amount', p.deposit_amount::text) end as deposit,
      (select provider_payout_id from provider_payouts a where a.payout_id = p.payout_id
       order by recorded_at desc limit 1) as "providerPayoutId" from payouts p`,
  transitions: `select payout_id as "payoutId", status, ${ms('at')} as "atMs" from payout_timeline
      order by entry_id`,
  deposits: `select deposit_id as "depositKey", provider_deposit_id as "providerDepositId", currency, amount,
      status, ${ms('verified_at')} as "verifiedAtMs" from deposits`,
  attempts: `select external_order_id as "externalOrderId", payout_id as "payoutId",
      provider_payout_id as "providerPayoutId", recipient_amount as amount, fee, status from provider_payouts`,
  orders: `select external_order_id as "externalOrderId", o.payout_id as "payoutId",
      provider_order_id as "providerOrderId", amount, quote_amount as "quoteAmount", ${ms('at')} as "bookedAtMs"
      from provider_orders o left join ledger_entries e on e.cause = 'order' and e.cause_id = external_order_id`,
  allocations: `select a.payout_id as "payoutId", provider_deposit_id as "providerDepositId"
      from deposit_allocations a join deposits d using (deposit_id) where a.payout_id is not null`,
  brakes: `select kind, currency, detail, ${ms('engaged_at')} as "engagedAtMs",
      ${ms('released_at')} as "releasedAtMs" from brakes`,
  returns: `select cause_id as "balanceTransactionId", ${ms('at')} as "atMs" from ledger_entries
      where cause = 'return'`,
  requests: `select operation, external_order_id as "externalOrderId", payout_id as "payoutId", state, sends
      from provider_requests`,
  accounts: `select a.kind, a.currency, a.payout_id as "payoutId", a.owner, a.balance,
      coalesce((select sum(amount) from ledger_postings p where p.account_id = a.account_id), 0)
        * case when a.kind in ('provider', 'return_pending', 'missing') then 1 else -1 end as posted from ledger_accounts a`,
};

async function readStore(databaseUrl: string): Promise<StoreWorld> {
  return withDatabase(databaseUrl, async (database) => {
    const tables: Record<string, readonly unknown[]> = {};
    for (const [name, query] of Object.entries(STORE_QUERIES))
      tables[name] = (await database.query(query)).rows;
    return tables as unknown as StoreWorld;
  });
}

/** What was written down for people to read, some of it in the provider's words. */
const FAILURE_QUERY = `select 'failure of ' || payout_id as "where", failure_message as text from payouts
  union all select 'timeline of ' || payout_id, detail from payout_timeline
  union all select 'request of ' || external_order_id, failure_message from provider_requests
  union all select 'webhook ' || webhook_event_id, state_detail from webhook_inbox`;

async function readFailureTexts(databaseUrl: string): Promise<readonly PublicText[]> {
  const { rows } = await withDatabase(databaseUrl, (database) =>
    database.query<PublicText>(`select * from (${FAILURE_QUERY}) as written where text is not null`),
  );
  return rows;
}

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;

interface Histories {
  readonly histories: readonly HistoryReading[];
  readonly texts: readonly PublicText[];
}

/** The SDK's runtime ends with the last replay: two lanes that replay at once would end it for each other. */
let lastReplay: Promise<unknown> = Promise.resolve();

async function readHistories(temporal: Client, taskQueue: string, store: StoreWorld): Promise<Histories> {
  const read = lastReplay.then(async () => replayHistories(await fetchHistories(temporal, taskQueue, store)));
  lastReplay = read.catch(() => undefined);
  return read;
}

interface FetchedHistory {
  readonly workflowId: string;
  readonly history: History;
}

/** The gRPC status of a workflow that there is not. */
const NOT_FOUND = 5;

function unlessNotFound(error: unknown): void {
  const code: number | undefined = isGrpcServiceError(error) ? error.code : undefined;
  if (code !== NOT_FOUND) throw error;
}

/** Of reconciliations there are many, all alike. */
const REPEATED = /^reconcile/;
const MOST_OF_A_KIND = 2;

/**
 * Those of all payouts of the store by their ids: the list is written behind the histories and may lack
 * some. It adds what the store does not name.
 */
async function fetchHistories(
  temporal: Client,
  taskQueue: string,
  { payouts }: StoreWorld,
): Promise<readonly FetchedHistory[]> {
  const named = payouts.map(({ payoutId }) => payoutWorkflowId(payoutId));
  const fetched: FetchedHistory[] = [];
  const fetch = async (workflowId: string, runId?: string): Promise<void> => {
    const history = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
    fetched.push({ workflowId, history });
  };
  for (const workflowId of named) {
    // The checker asks for it.
    await fetch(workflowId).catch(unlessNotFound);
  }
  const repeated = new Map<string, number>();
  for await (const { workflowId, runId } of temporal.workflow.list({ query: `TaskQueue = "${taskQueue}"` })) {
    const [kind] = REPEATED.exec(workflowId) ?? [];
    if (kind !== undefined) repeated.set(kind, (repeated.get(kind) ?? 0) + 1);
    if (named.includes(workflowId) || (repeated.get(kind ?? '') ?? 0) > MOST_OF_A_KIND) continue;
    await fetch(workflowId, runId);
  }
  return fetched;
}

async function replayHistories(read: readonly FetchedHistory[]): Promise<Histories> {
  const histories: HistoryReading[] = [];
  const replayed = Worker.runReplayHistories({ workflowBundle: { codePath: WORKFLOW_BUNDLE_PATH } }, read);
  const failures = new Map(read.map(({ workflowId, history }) => [workflowId, failureOf(history)]));
  for await (const { workflowId, error } of replayed) {
    histories.push({
      workflowId,
      replayError: error === undefined ? null : `${error.name}: ${error.message}`,
      failure: failures.get(workflowId) ?? null,
    });
  }
  const texts = read.flatMap(({ workflowId, history }) => [
    { where: 'workflow id', text: workflowId },
    ...collectTexts(history, `history of ${workflowId}`, false),
  ]);
  return { histories, texts };
}

export function failureOf({ events }: Pick<History, 'events'>): string | null {
  const last = events?.at(-1);
  const failure = last?.workflowExecutionFailedEventAttributes?.failure;
  if (failure != null) return String(failure.cause?.message ?? failure.message);
  if (last?.workflowExecutionTimedOutEventAttributes != null) return 'it timed out';
  if (last?.workflowExecutionTerminatedEventAttributes != null) return 'it was terminated';
  return null;
}

/** What of a history is indexed, listed or shown to whoever looks; inputs and results are the payouts themselves. */
const PUBLIC_MEMBERS = [
  'searchAttributes',
  'failure',
  'userMetadata',
  'memo',
  'activityId',
  'lastFailure',
  'identity',
];

function collectTexts(value: unknown, where: string, isPublic: boolean): PublicText[] {
  if (value instanceof Uint8Array)
    return isPublic ? [{ where, text: Buffer.from(value).toString('utf8') }] : [];
  if (typeof value === 'string') return isPublic ? [{ where, text: value }] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    collectTexts(member, where, isPublic || PUBLIC_MEMBERS.includes(name)),
  );
}
