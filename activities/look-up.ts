import { log } from '@temporalio/activity';
import type { Book } from '../src/book/book.js';
import type { Fence, FenceId } from '../src/book/fences.js';
import type { PayoutRecord } from '../src/book/records.js';
import { FENCE_OPERATION, FENCE_STATE } from '../src/book/schema.js';
import { FAILURE_TYPE, type FailureType } from '../src/domain/failure-type.js';
import { MILESTONE } from '../src/domain/milestone.js';
import { isFinalStatus, PAYOUT_STATUS } from '../src/domain/payout-status.js';
import { isWithinLimit } from '../src/domain/resend-limits.js';
import type { Order, Payout } from '../src/qbitpay/schemas.js';
import { recordAccepted } from './accepted-payout.js';
import type { ActivityDependencies } from './dependencies.js';
import { heartbeating } from './heartbeating.js';
import { notYet } from './not-yet.js';
import { toOrderRecord } from './order-reading.js';
import { fenceIdOf, isNothing, scanFor } from './provider-scan.js';
import { hold, superseded, type Superseded } from './superseded.js';
import { surely } from './surely.js';
import { noteWaiting, showingOutages } from './watched.js';

export interface LookUpInput {
  readonly payoutId: string;
  /** How long after it was sent a request is still looked for. */
  readonly settleWindowSeconds: number;
  /** How many readings without it, at least. */
  readonly cleanScans: number;
  readonly pollIntervalMs: number;
  /**
   * A person decides already, for this reason: it is looked for all the same, and only its being found, or what the
   * book learnt otherwise, changes anything. @default the payout is not held
   */
  readonly heldAs?: FailureType | null;
}

export type LookUpResult =
  /** The step goes on from the book: it was found, or it may be sent again. */
  { readonly kind: 'goOn' } | Superseded;

/**
 * Looks for a request whose outcome is not known, until it is found or believed never to have arrived: after the
 * settle window, by several readings of all of the provider's list. `externalOrderId` alone is identity.
 */
export function createLookUp(deps: ActivityDependencies) {
  return async function lookUp(input: LookUpInput): Promise<LookUpResult> {
    const result = await heartbeating(() => lookOnce(deps, input));
    // The workflow would come back with the same question at once, again and again.
    if (isNoNews(result, input)) throw notYet('a person decides', input.pollIntervalMs);
    return result;
  };
}

/** On hold, for the reason that the workflow knows. */
function isNoNews(result: LookUpResult, { heldAs }: LookUpInput): boolean {
  if (heldAs === undefined || result.kind !== 'superseded') return false;
  const { status, holdReason, providerPayoutId } = result;
  return status === PAYOUT_STATUS.HELD && holdReason === heldAs && providerPayoutId === null;
}

async function lookOnce(deps: ActivityDependencies, input: LookUpInput): Promise<LookUpResult> {
  const { book } = deps;
  const { payoutId, pollIntervalMs, heldAs } = input;
  const isHeld = heldAs !== undefined;
  const payout = await book.payouts.get(payoutId);
  // A workflow that was reset may ask about a request of a payout that has ended since.
  if (isFinalStatus(payout.status)) return superseded(book, payoutId);
  if (isHeld && (await isElsewhere(book, payout, heldAs))) return superseded(book, payoutId);
  if (isHeld && payout.holdReason !== FAILURE_TYPE.UNKNOWN_OUTCOME)
    throw notYet('a person decides', pollIntervalMs);
  const id = fenceIdOf(payout);
  // Before the search: only what is read after the settle window counts.
  const fence = await book.attempts.getFence(id);
  if (fence.state !== FENCE_STATE.UNKNOWN) return isHeld ? release(deps, payoutId, id) : { kind: 'goOn' };
  // On hold nothing is sent, whoever allowed it before.
  if (fence.mayBeResent && !isHeld) return { kind: 'goOn' };
  const result = await showingOutages(book, payoutId, () => search(deps, payout, { id, fence, input }));
  if (result !== undefined) {
    await book.payouts.clearWaiting(payoutId);
    return result;
  }
  if (!isHeld) await noteWaiting(book, payoutId, FAILURE_TYPE.OUTCOME_LOOKED_UP);
  throw notYet('the request is not at QbitPay', pollIntervalMs);
}

/** The book has learnt something since: whoever waits for a person goes on from that. */
async function isElsewhere(
  book: Book,
  { payoutId, status, holdReason }: PayoutRecord,
  heldAs: FailureType | null,
): Promise<boolean> {
  if (status !== PAYOUT_STATUS.HELD || holdReason !== heldAs) return true;
  return (await superseded(book, payoutId)).providerPayoutId !== null;
}

/** Its sender came back: a payout that was held for it goes on from what it wrote. */
async function release({ book }: ActivityDependencies, payoutId: string, id: FenceId): Promise<Superseded> {
  await book.attempts.releaseKnown(payoutId, id);
  return superseded(book, payoutId);
}

interface Search {
  readonly id: FenceId;
  readonly fence: Fence;
  readonly input: LookUpInput;
}

async function search(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  { id, fence, input }: Search,
): Promise<LookUpResult | undefined> {
  const { book } = deps;
  const { payoutId } = payout;
  const events = await book.webhooks.pendingOf({ payoutId });
  const scan = await scanFor(deps, payout);
  const [first, ...others] = scan.found;
  if (others.length > 0) {
    const ids = scan.found.map((one) => one.id).join(', ');
    return hold(book, payoutId, {
      reason: FAILURE_TYPE.DUPLICATE_AT_PROVIDER,
      detail: `QbitPay has ${ids}`,
      about: { id, states: [FENCE_STATE.UNKNOWN] },
    });
  }
  if (first !== undefined) return adopt(deps, payout, { id, fence, found: first });
  if (input.heldAs === undefined) {
    return scan.isComplete ? concludeAbsent(deps, payoutId, { id, fence, input }, scan.isNamed) : undefined;
  }
  if (!isNothing(scan)) return undefined;
  // What they announce is not there: they stay for whoever decides.
  for (const { webhookEventId } of events)
    await book.webhooks.keep(webhookEventId, 'the payout is held, and QbitPay does not show it');
  return undefined;
}

async function adopt(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  { id, fence, found }: { readonly id: FenceId; readonly fence: Fence; readonly found: Order | Payout },
): Promise<LookUpResult> {
  const { payoutId } = payout;
  const { externalOrderId } = id;
  await deps.reached(MILESTONE.LOOK_UP_FOUND);
  log.info('an unanswered request was found', { payoutId, operation: id.operation, providerId: found.id });
  if (isOrder(id, found)) {
    const order = toOrderRecord(externalOrderId, found);
    await surely(() => deps.book.attempts.recordOrder(payoutId, order));
    return payout.status === PAYOUT_STATUS.HELD ? superseded(deps.book, payoutId) : { kind: 'goOn' };
  }
  const accepted = await recordAccepted(deps, payout, {
    answer: found,
    postAmount: fence.asked?.amount ?? found.amount,
    externalOrderId,
  });
  if (accepted.kind === 'superseded' || payout.status !== PAYOUT_STATUS.HELD) {
    return accepted.kind === 'accepted' ? { kind: 'goOn' } : accepted;
  }
  return superseded(deps.book, payoutId);
}

function isOrder({ operation }: FenceId, found: Order | Payout): found is Order {
  return operation === FENCE_OPERATION.ORDER && 'symbol' in found;
}

/** Undefined while it is too early to believe it. */
async function concludeAbsent(
  { book, settings }: ActivityDependencies,
  payoutId: string,
  { id, fence, input }: Search,
  isNamed: boolean,
): Promise<LookUpResult | undefined> {
  const { sends, asked, resends, sentAgoMs } = fence;
  if ((sentAgoMs ?? 0) < input.settleWindowSeconds * 1_000) return undefined;
  const { settleWindowSeconds, cleanScans } = input;
  const scans = await book.attempts.noteCleanScan(id, { sends, settleWindowSeconds });
  if (scans < cleanScans) return undefined;
  // A second time a person decides: what keeps it from arriving is not a passing fault.
  const mayResend = isNamed && asked !== null && resends === 0 && isWithinLimit(asked, settings.resendLimits);
  if (!mayResend) {
    return hold(book, payoutId, {
      reason: FAILURE_TYPE.UNKNOWN_OUTCOME,
      detail: `${id.operation} ${id.externalOrderId} was not found at QbitPay in ${scans} readings`,
      about: { id, states: [FENCE_STATE.UNKNOWN], sends },
    });
  }
  // Whoever sent it holds this as long as he can: what he may still do comes before anything else.
  const granted = await book.whileSending(id, () =>
    book.attempts.authoriseResend(id, sends, 'engine', cleanScans),
  );
  if (granted === true) return { kind: 'goOn' };
  if (granted === undefined) await book.attempts.withdrawResend(id);
  return undefined;
}
