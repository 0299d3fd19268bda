import { randomUUID } from 'node:crypto';
import type { ActivityDependencies } from '../../activities/dependencies.js';
import { createResolveOutcome } from '../../activities/payouts/resolve-outcome.js';
import { findAtProvider, whyUnclear } from '../../activities/provider/at-provider.js';
import type { ProviderRequest } from '../../src/store/requests/send-guard.js';
import {
  ASKED,
  decision,
  holdUnknown,
  letTimePass,
  read,
  rowsOf,
  sendUnknown,
  store,
  useStore,
  type Prepared,
} from '../support/request-store.js';
import { readerOf, SENDER } from '../support/test-store.js';

/** A request that is neither found nor can be proven absent: a person decides about it in the end. */

useStore();

const ABSENCE_CHECKS = 2;
const SHORT_WAIT_SECONDS = 900;

/** Sent two hours ago, and searched for since this wait is over. */
async function sendLongAgo(waitSeconds = SHORT_WAIT_SECONDS): Promise<Prepared> {
  const sent = await sendUnknown();
  await letTimePass(sent.id);
  await store().requests.wantAbsence(sent.id, { sends: 1, waitSeconds, absenceChecks: ABSENCE_CHECKS });
  return sent;
}

/** QbitPay's list has been read; answers with what that says of the request. */
async function readList({ id }: Prepared, isWhole: boolean): Promise<ProviderRequest> {
  const list = { kind: id.operation, beganAt: await store().mirror.readClock(), since: new Date(0), isWhole };
  await (await readerOf(store())).noteAbsenceChecks(list);
  return store().requests.get(id);
}

async function resolve({ payoutId }: Prepared): Promise<string> {
  const settings = { isAccountShared: false, resendLimits: {} };
  const resolveOutcome = createResolveOutcome({
    store: store(),
    settings,
  } as unknown as ActivityDependencies);
  await resolveOutcome({
    ...{ payoutId, unknownOutcomeWaitSeconds: SHORT_WAIT_SECONDS, absenceChecks: ABSENCE_CHECKS },
    refusalWaitSeconds: 150,
  });
  const [last] = await rowsOf(
    'select detail from payout_timeline where payout_id = $1 order by entry_id desc limit 1',
    payoutId,
  );
  const { status, holdReason } = await read(payoutId);
  return [status, holdReason, last?.detail].join(' | ');
}

/** It carries the request's id, and its fee cannot be read. */
async function showUnreadable({ id: { externalOrderId } }: Prepared): Promise<string> {
  const providerId = `po-${externalOrderId}`;
  const object = {
    ...({ kind: 'payout', providerId, externalOrderId, source: null, type: null, status: null } as const),
    ...{ currency: null, amount: null, content: { fee: null }, problem: 'fee', isOpen: false },
  };
  const readAt = await store().mirror.readClock();
  await (await readerOf(store())).recordPage('payout', { objects: [object], readAt });
  return providerId;
}

const unclear = async ({ payoutId, id }: Prepared) =>
  whyUnclear(await findAtProvider({ store: store() }, payoutId, id));

test('a list that holds something without an id proves no absence: after a while a person is asked', async () => {
  const [sent, later] = [await sendLongAgo(), await sendLongAgo(2_700)];
  expect(await readList(sent, false)).toMatchObject({ isUnsearchable: true, absenceChecks: 0 });
  expect(await store().requests.get(later.id)).toMatchObject({ isUnsearchable: false });
  expect(await resolve(sent)).toMatch(
    /^held \| UNKNOWN_OUTCOME \| .*cannot be proven: its list held something without an id/,
  );
  // It is read no further for this one, and a person who has asked sends it again.
  expect(await readList(sent, true)).toMatchObject({ absenceChecks: 0 });
  expect(await store().decisions.resend(decision(sent.payoutId), SHORT_WAIT_SECONDS)).toEqual({ ok: true });
  expect(await store().requests.claim(sent.id, SENDER, ASKED)).toBe(2);
});

test('a whole list counts, however late it is read', async () => {
  const sent = await sendLongAgo();
  expect(await readList(sent, true)).toMatchObject({ isUnsearchable: false, absenceChecks: 1 });
});

test('what a webhook named and cannot be read may be it, unless it is disowned', async () => {
  const sent = await holdUnknown();
  const providerId = randomUUID();
  await rowsOf(
    `insert into webhook_inbox (webhook_event_id, type, body, state, provider_object_id, payout_id)
     values ($2, 'payout.pending', '{}', 'taken', $2, $1)`,
    ...[sent.payoutId, providerId],
  );
  const readAt = await store().mirror.readClock();
  await (await readerOf(store())).recordUnreadable('payout', providerId, readAt);
  expect(await unclear(sent)).toContain(`adopt it once ${providerId} can be read`);
  expect(await store().decisions.disown(decision(sent.payoutId), providerId)).toEqual({ ok: true });
  expect(await unclear(sent)).toBeUndefined();
});

describe('what carries the id and cannot be read', () => {
  test('is shown to a person after a while, and nothing is sent beside it unless it is disowned', async () => {
    const sent = await sendLongAgo();
    const providerId = await showUnreadable(sent);
    expect(await readList(sent, true)).toMatchObject({ isUnsearchable: true, absenceChecks: 0 });
    expect(await resolve(sent)).toContain(
      `QbitPay has ${providerId}, which may be it: disown it, or adopt it once ${providerId} can be read`,
    );
    expect(await unclear(sent)).toBeDefined();
    await store().requests.authoriseResend(sent.id, 1, 'tester');
    expect(await store().requests.claim(sent.id, SENDER, ASKED)).toBeUndefined();

    expect(await store().decisions.disown(decision(sent.payoutId), providerId)).toEqual({ ok: true });
    expect(await unclear(sent)).toBeUndefined();
  });

  test('disowned, it lets a person decide again: nothing is sent by itself', async () => {
    const sent = await sendLongAgo();
    const providerId = await showUnreadable(sent);
    await readList(sent, true);
    await resolve(sent);
    await store().decisions.disown(decision(sent.payoutId), providerId);
    expect((await read(sent.payoutId)).status).toBe('paying');
    expect(await resolve(sent)).toMatch(/^held \| UNKNOWN_OUTCOME/);
    expect(await store().decisions.close(decision(sent.payoutId), SHORT_WAIT_SECONDS)).toEqual({ ok: true });
  });
});
