import { EventEmitter } from 'node:events';
import { Client } from 'pg';

/** A row that was written and committed. */
export interface Change {
  readonly payoutId?: string | undefined;
  /** The payout's, where it is the payout's own row. */
  readonly status?: string | undefined;
}

const CHANNEL = 'test_changes';
const TABLES = [
  'payouts',
  'payout_timeline',
  'deposits',
  'ledger_entries',
  'provider_requests',
  'webhook_inbox',
];

const changes = new EventEmitter().setMaxListeners(0);

/** The next change that is a reason to look, in any store that is watched; resolves anyhow after the longest pause. */
export function nextChange(
  longestPauseMs: number,
  isReason: (change: Change) => boolean = () => true,
): Promise<void> {
  return new Promise((resolve) => {
    const look = (change: Change): void => {
      if (isReason(change)) end();
    };
    const end = (): void => {
      clearTimeout(timer);
      changes.off('change', look);
      resolve();
    };
    const timer = setTimeout(end, longestPauseMs);
    changes.on('change', look);
  });
}

/** Makes PostgreSQL tell of every change of a test engine's store. Answers with how to end that. */
export async function watchStore(databaseUrl: string): Promise<() => Promise<void>> {
  const listener = new Client({ connectionString: databaseUrl });
  // A server that is killed by a test ends it: whoever waits then asks from time to time.
  listener.on('error', () => undefined);
  listener.on('notification', ({ payload }) => changes.emit('change', JSON.parse(payload ?? '{}')));
  await listener.connect();
  await listener.query(
    [
      `create function tell_test() returns trigger language plpgsql as $$
       declare written jsonb := to_jsonb(new);
       begin
         perform pg_notify('${CHANNEL}', json_build_object('payoutId', written->>'payout_id',
           'status', case when tg_table_name = 'payouts' then written->>'status' end)::text);
         return null;
       end $$`,
      ...TABLES.map(
        (table) =>
          `create trigger tell_test after insert or update on ${table} for each row execute function tell_test()`,
      ),
      `listen ${CHANNEL}`,
    ].join(';\n'),
  );
  return () => listener.end();
}
