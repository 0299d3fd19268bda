import { sql, type RawBuilder } from 'kysely';
import type { Case, CaseKey, ShownObject, Transaction } from '../../domain/comparison.js';
import { ENTRY_CAUSE } from '../../domain/ledger.js';
import type { StoreTransaction } from '../database.js';
import { IS_UNANSWERED } from '../requests/request-kind.js';

/** What is compared together, out of the store and the mirror. */

/** So many cases are read together. */
const BATCH = 500;

/**
 * Collects what may have changed since then, and what the run before left open, and reads it batch by batch. Everything
 * is read where there is no such moment.
 */
export async function* readCases(
  trx: StoreTransaction,
  since: Date | null,
  open: readonly CaseKey[],
): AsyncGenerator<readonly Case[]> {
  await sql`create temporary table cases (kind text, name text, id text, case_no bigint generated always as identity primary key,
    unique nulls not distinct (kind, name, id)) on commit drop`.execute(trx);
  const collect = (keys: RawBuilder<unknown>) =>
    sql`insert into cases (kind, name, id) ${keys} on conflict do nothing`.execute(trx);
  const changed = (at: string): RawBuilder<unknown> =>
    since === null ? sql`true` : sql`${sql.raw(at)} >= ${since}`;
  await collect(sql`select kind, name, id from jsonb_to_recordset(${JSON.stringify(open)}::jsonb)
    as open (kind text, name text, id text)`);
  await collect(
    sql`select operation, external_order_id, null from provider_requests where ${changed('updated_at')}`,
  );
  await collect(sql`select 'payout', external_order_id, null from provider_payouts
    where ${changed('greatest(read_at, returned_at)')}`);
  await collect(
    sql`select 'order', external_order_id, null from provider_orders where ${changed('read_at')}`,
  );
  await collect(sql`select 'deposit', null, deposit_id from deposits where ${changed('verified_at')}`);
  await collect(sql`select case_kind, case_name, case_id from object_cases
    where ${changed('greatest(changed_at, missing_since)')}`);
  await sql`analyze cases`.execute(trx);
  for (let from = '0'; ;) {
    const { rows } = await selectBatch(from).execute(trx);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(toCase);
    from = last.case_no;
  }
}

/** What is not shown any more is left out, and what is booked as outside activity: it belongs to nothing else. */
function selectBatch(from: string) {
  const isOfCase = sql`object.case_kind = one.kind and object.case_name is not distinct from one.name
    and object.case_id is not distinct from one.id and object.missing_since is null`;
  return sql<CaseRow>`
    select one.case_no, one.kind, one.name, one.id, shown.objects, moved.transactions,
      case when request.payout_id is not null then jsonb_build_object('payoutId', request.payout_id,
        'state', request.state, 'changedAtMs', ${ms('request.updated_at')},
        'answer', case when answer.provider_id is not null then ${answerFields} end) end as attempt,
      case when deposit.deposit_id is not null then jsonb_build_object(
        'providerDepositId', deposit.provider_deposit_id, 'currency', deposit.currency,
        'amount', deposit.amount::text, 'verifiedAtMs', ${ms('deposit.verified_at')},
        'hasTransaction', deposit.proof not like 'available %', 'missing', ${MISSING_OF_DEPOSIT}::text) end as deposit,
      one.name is null and exists (select from provider_objects object join provider_requests request
        on request.operation = object.kind and request.first_sent_at <= object.first_seen_at
        join payouts on payouts.payout_id = request.payout_id and ${IS_UNANSWERED}
        -- An id that a webhook named, and of which QbitPay never showed anything, is nothing.
        where object.kind = one.kind and object.provider_id = one.id
          and (object.content <> '{}' or object.problem is not null or moved.transactions <> '[]')) as "mayBeOurs"
    from (select * from cases where case_no > ${from} order by case_no limit ${BATCH}) as one
    left join provider_requests request on request.operation = one.kind and request.external_order_id = one.name
    left join deposits deposit on one.kind = 'deposit' and deposit.deposit_id = one.id
    left join lateral (${selectAnswer}) as answer on true
    cross join lateral (${selectBooked}) as booked
    cross join lateral (
      select coalesce(jsonb_agg(${objectFields}), '[]') as objects, array_agg(provider_id) as ids
      from object_cases object
      where object.kind = one.kind and object.kind <> 'transaction' and ${isOfCase}
        and (object.external_order_id = one.name or object.provider_id in (one.id, answer.provider_id))) as shown
    cross join lateral (
      select coalesce(jsonb_agg(${objectFields}), '[]') as transactions from object_cases object
      where object.kind = 'transaction' and ${isOfCase}
        and (object.source = any(shown.ids || answer.provider_id || one.id) or object.provider_id = one.id)
        and not exists (select from ledger_entries
          where cause = ${ENTRY_CAUSE.OUTSIDE} and cause_id = object.provider_id)) as moved
    order by one.case_no`;
}

/** Milliseconds of Unix time, as exact as the column: what is compared with it is of the same clock. */
function ms(column: string): RawBuilder<number | null> {
  return sql`extract(epoch from ${sql.raw(column)})::float8 * 1000`;
}

const selectAnswer = sql`
  select provider_payout_id as provider_id, recipient_amount as amount, currency, null::numeric as quote_amount, fee, status,
    recorded_at, read_at, returned_amount, returned_at, adjustments, failures
  from provider_payouts where one.kind = 'payout' and external_order_id = one.name
  union all select provider_order_id, amount, split_part(symbol, '/', 1), quote_amount, fee, status,
    recorded_at, read_at, null, null, 0, 0
  from provider_orders where one.kind = 'order' and external_order_id = one.name`;

/** Amounts are texts: a number of JSON would lose digits. */
const answerFields = sql`jsonb_build_object('providerId', answer.provider_id, 'amount', answer.amount::text,
  'currency', answer.currency, 'quoteAmount', answer.quote_amount::text, 'fee', answer.fee::text,
  'status', answer.status, 'booked', booked.nets, 'recordedAtMs', ${ms('answer.recorded_at')},
  'readAtMs', ${ms('answer.read_at')}, 'returnedAtMs', ${ms('answer.returned_at')},
  'returned', answer.returned_amount::text)`;

/** What an order or a payout attempt took from the provider account, also once more after it had failed; returns are not in it. */
const selectBooked = sql`
  select coalesce(jsonb_agg(jsonb_build_object('currency', currency, 'net', net::text)), '[]') as nets from (
    select account.currency, sum(posting.amount) as net
    from (select entry_id from ledger_entries where cause = one.kind and cause_id = one.name
      union all select entry_id from ledger_entries where cause = ${ENTRY_CAUSE.PAYOUT_ADJUSTMENT}
        and cause_id = any(array(select one.name || '#' || number from generate_series(1, answer.adjustments) as number))
      union all select entry_id from ledger_entries where cause = ${ENTRY_CAUSE.PAYOUT_FAILURE_REVERSED}
        and cause_id = any(array(select one.name || '#' || number from generate_series(1, answer.failures) as number))) as entry
    join ledger_postings posting using (entry_id)
    join ledger_accounts account on account.account_id = posting.account_id and account.kind = 'provider'
    where one.kind in (${ENTRY_CAUSE.ORDER}, ${ENTRY_CAUSE.PAYOUT})
    group by account.currency) as nets`;

/** What the provider account has less of a deposit that was taken back. */
const MISSING_OF_DEPOSIT = sql`(select coalesce(-sum(posting.amount), 0) from ledger_entries
  join ledger_postings posting using (entry_id)
  join ledger_accounts account on account.account_id = posting.account_id and account.kind = 'provider'
  where cause = ${ENTRY_CAUSE.DEPOSIT_MISSING} and ledger_entries.deposit_id = deposit.deposit_id)`;

const objectFields = sql`jsonb_build_object('kind', object.kind, 'id', object.provider_id,
  'externalOrderId', object.external_order_id, 'problem', object.problem, 'content', object.content,
  'seenAtMs', ${ms('object.first_seen_at')}, 'changedAtMs', ${ms('object.changed_at')})`;

interface CaseRow extends Pick<Case, 'kind' | 'name' | 'id' | 'attempt' | 'deposit' | 'mayBeOurs'> {
  readonly case_no: string;
  readonly objects: readonly ObjectRow[];
  readonly transactions: readonly ObjectRow[];
}

/** Of one that can be read, the content is as src/qbitpay read it, its times with their zone. */
interface ObjectRow {
  readonly kind: 'payout' | 'order' | 'transaction';
  readonly id: string;
  readonly externalOrderId: string | null;
  readonly problem: string | null;
  readonly content: { readonly createdAt?: string };
  readonly seenAtMs: number;
  readonly changedAtMs: number;
}

function toCase({ objects, transactions, ...known }: CaseRow): Case {
  const isReadable = ({ problem }: ObjectRow): boolean => problem === null;
  return {
    ...known,
    objects: objects.filter(isReadable).map(toShownObject),
    transactions: transactions.filter(isReadable).map(toTransaction),
    unreadable: [...objects, ...transactions].flatMap(({ problem, ...object }) =>
      problem === null ? [] : { ...object, problem },
    ),
  };
}

type PayoutContent = Pick<ShownObject, 'currency' | 'amount' | 'fee' | 'status'>;

interface OrderContent extends Pick<ShownObject, 'amount' | 'status'>, Partial<Pick<ShownObject, 'fee'>> {
  readonly symbol: string;
  readonly quoteAmount?: string;
}

function toShownObject({ id, externalOrderId, content, seenAtMs, changedAtMs }: ObjectRow): ShownObject {
  const createdAtMs = content.createdAt === undefined ? null : Date.parse(content.createdAt);
  const known = { id, externalOrderId, createdAtMs, seenAtMs, changedAtMs };
  if (!('symbol' in content)) {
    const { currency, amount, fee, status } = content as PayoutContent;
    return { ...known, currency, amount, fee, feeCurrency: currency, quote: null, status };
  }
  const { symbol, amount, quoteAmount = '0', fee = '0', status } = content as OrderContent;
  const [currency = '', bought = ''] = symbol.split('/');
  const quote = { currency: bought, amount: quoteAmount };
  return { ...known, currency, amount, fee, feeCurrency: bought, quote, status };
}

interface TransactionContent extends Pick<Transaction, 'type' | 'typeText' | 'currency' | 'status'> {
  readonly createdAt: string;
  readonly source?: string;
  readonly net?: string;
  readonly amount: string;
}

function toTransaction({ id, content, seenAtMs }: ObjectRow): Transaction {
  const { createdAt, source = null, net, amount, ...said } = content as TransactionContent;
  const { type, typeText, currency, status } = said;
  const createdAtMs = Date.parse(createdAt);
  return { id, type, typeText, source, currency, status, net: net ?? amount, createdAtMs, seenAtMs };
}
