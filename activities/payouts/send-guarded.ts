import { ApplicationFailure, log } from '@temporalio/activity';
import type { Discrepancy } from '../../src/store/payouts/discrepancies.js';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import {
  SENDABLE_STATES,
  type ProviderRequest,
  type Refused,
  type SentAmount,
} from '../../src/store/requests/send-guard.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../../src/store/schema.js';
import {
  FAILURE_KIND,
  FAILURE_TYPE,
  FAILURES,
  type Failure,
  type FailureType,
} from '../../src/domain/failure-type.js';
import { compareAmounts } from '../../src/domain/money.js';
import { QbitPayProviderError } from '../../src/qbitpay/errors.js';
import type { Order, Payout } from '../../src/qbitpay/schemas.js';
import { takeMoment, type Moment } from '../../src/qbitpay/moment.js';
import { printableId, printableWord } from '../../src/qbitpay/wire-words.js';
import { describeAltered } from './accepted-object.js';
import { judgeAnswer, recordError } from './provider-answer.js';
import { observeObject } from '../provider/provider-list.js';
import { currentRunId } from '../current-run.js';
import type { ActivityDependencies } from '../dependencies.js';
import { classifyPostError } from '../failure-mapping.js';
import { putOnHold, readState, type PayoutState } from '../payout-state.js';
import { persistWithRetry } from '../persist-with-retry.js';
import { awaitFreshSync, findAtProvider, isNothing, isStartWishGranted } from '../provider/at-provider.js';

/** Requests that move money leave through here, and only through here: the same for orders and payouts. */

/** What a step does next where its request came to nothing, or to nothing yet. */
export type RequestNext =
  /** It was refused for good, and nothing was converted. */
  | ({ readonly kind: 'fail' } & Failure)
  /** Nothing took effect; it is sent again when the reason is gone. */
  | { readonly kind: 'retryLater'; readonly reason: FailureType; readonly afterMs: number }
  /** It may have taken effect: what became of it comes before anything else. */
  | { readonly kind: 'resolveOutcome' }
  /** Nothing left: the run has not claimed the payout, or another one has since. */
  | { readonly kind: 'superseded' };

/** An order or a payout that is to be sent. */
export interface GuardedPost<Answer extends Order | Payout, Next> {
  readonly payoutId: string;
  readonly id: ProviderRequestId;
  /** One line for the timeline. */
  readonly detail: string;
  /**
   * It is sized and claimed after this moment, and both ask the store again: a process that was frozen since must not send.
   */
  readonly decidedAt: Moment;
  /** What is asked for; undefined when the payout's own money does not cover it: `uncovered` answers then. */
  readonly size: () => Promise<SentAmount | undefined>;
  readonly uncovered: () => Promise<PayoutState<Next>>;
  readonly send: (asked: SentAmount, decidedAt: Moment) => Promise<Answer>;
  readonly accept: (answer: Answer, asked: SentAmount, flag?: Discrepancy) => Promise<PayoutState<Next>>;
  /** The failure type of a request that QbitPay calls invalid. */
  readonly invalidType: FailureType;
  /** Only orders have a price that can be refused. */
  readonly priceRefused: Next | RequestNext;
}

type Subject = Pick<GuardedPost<Order | Payout, unknown>, 'payoutId' | 'id'>;

/** Sends a request once, if its step can begin and its own state does not say otherwise. */
export async function sendGuarded<Answer extends Order | Payout, Next>(
  deps: ActivityDependencies,
  post: GuardedPost<Answer, Next>,
): Promise<PayoutState<Next | RequestNext>> {
  const { store } = deps;
  const { payoutId, id } = post;
  const prepared = await store.requests.prepare(payoutId, id, post.detail);
  if (prepared === undefined) return readState(store, payoutId);
  const known = await answerFromRequest(deps, post, prepared);
  if (known !== undefined) return known;
  // Nothing leaves before a complete sync that began after this process started.
  if (!(await isStartWishGranted(deps))) return answerLater(deps, post, FAILURE_TYPE.FIRST_SYNC);
  // Nobody else sends it as long as this process lives, and its connection with the database stands.
  const sent = await store.requests.whileSending(id, () => sizeAndSend(deps, post));
  if (sent !== undefined) return sent;
  await store.requests.withdrawResend(id);
  return readState<RequestNext>(store, payoutId, { next: { kind: 'resolveOutcome' } });
}

async function sizeAndSend<Answer extends Order | Payout, Next>(
  deps: ActivityDependencies,
  post: GuardedPost<Answer, Next>,
): Promise<PayoutState<Next | RequestNext>> {
  const { store } = deps;
  const { payoutId, id } = post;
  const { mayBeResent, firstSentAt } = await store.requests.get(id);
  let { decidedAt } = post;
  // It was proven absent some time ago: it is sent again only if it is absent still, which may take long to see.
  if (mayBeResent && firstSentAt !== null) {
    await awaitFreshSync(deps, 'a request is to be sent again', id);
    if (!isNothing(await findAtProvider(deps, payoutId, id))) {
      await store.requests.withdrawResend(id);
      return readState<RequestNext>(store, payoutId, { next: { kind: 'resolveOutcome' } });
    }
    decidedAt = takeMoment();
  }
  const asked = await post.size();
  return asked === undefined ? post.uncovered() : sendOnce(deps, post, asked, decidedAt);
}

/** The store's claim is the send guard: who does not get it sends nothing, whatever was read before. */
async function sendOnce<Answer extends Order | Payout, Next>(
  deps: ActivityDependencies,
  post: GuardedPost<Answer, Next>,
  asked: SentAmount,
  decidedAt: Moment,
): Promise<PayoutState<Next | RequestNext>> {
  const sender = { runId: currentRunId(), seen: deps.seen };
  // Read before it leaves: what it takes shows in what is read later. Of a payout no refusal is about a price.
  const isOrder = post.id.operation === REQUEST_OPERATION.ORDER;
  const availableBefore = isOrder ? await deps.store.mirror.readBalance(asked.currency) : undefined;
  const sends = await deps.store.requests.claim(post.id, sender, asked);
  if (sends === undefined) return answerNotSender(deps, post);
  if (sends === 'notSynced') return answerLater(deps, post, FAILURE_TYPE.FIRST_SYNC);
  if (sends === 'notFirst') return answerLater(deps, post, FAILURE_TYPE.FIRST_ANSWER);
  if (sends === 'braked') return answerLater(deps, post, FAILURE_TYPE.BRAKE_ENGAGED);
  if (sends === 'superseded') {
    return readState<RequestNext>(deps.store, post.payoutId, { next: { kind: 'superseded' } });
  }
  if (typeof sends === 'object') return holdBeside(deps, post, sends.message);
  const sending = { sends, asked, availableBefore };
  let answer: Answer;
  try {
    answer = await post.send(asked, decidedAt);
  } catch (error) {
    return settleRefusal(deps, post, sending, error);
  }
  const verdict = await judgeAnswer(deps, post.id, { answer, asked, sends });
  switch (verdict) {
    case 'ours':
      return post.accept(answer, asked);
    case 'altered':
      return post.accept(answer, asked, describeAltered(answer, post.id.externalOrderId));
    case 'another':
      return answerUnknown(deps, post, { sends });
    case 'contradicts':
      return holdContradicted(deps, post, sends, answer);
  }
}

/** One sending of a request. */
interface Sending {
  readonly sends: number;
  readonly asked: SentAmount;
  /** What QbitPay had shown before as available in the currency; undefined where it had shown nothing. */
  readonly availableBefore: string | undefined;
}

/** Another attempt of the payout, which was over, lives after all: both would be carried out. */
function holdBeside(
  { store }: ActivityDependencies,
  { payoutId, id }: Subject,
  detail: string,
): Promise<PayoutState<RequestNext>> {
  const reason = FAILURE_TYPE.DUPLICATE_AT_PROVIDER;
  const states = [...SENDABLE_STATES, REQUEST_STATE.UNKNOWN];
  return putOnHold(store, payoutId, { reason, detail, about: { id, states } });
}

/** It may be the request's after all, or somebody else's: a person says so. Nothing is sent again before. */
async function holdContradicted(
  deps: ActivityDependencies,
  { payoutId, id }: Subject,
  sends: number,
  answer: Order | Payout,
): Promise<PayoutState<RequestNext>> {
  const { store } = deps;
  await persistWithRetry(() => store.requests.endUnknown(id, sends));
  const observed = observeObject(answer);
  await persistWithRetry(async () => store.mirror.recordReading(observed, await store.mirror.readClock()));
  // Where it is another payout's, it is news of that one.
  await persistWithRetry(() => store.mirror.tellOwner(observed));
  return putOnHold(store, payoutId, {
    reason: FAILURE_TYPE.ANSWER_CONTRADICTS,
    detail: wordsOf(answer),
    about: { id, states: [REQUEST_STATE.UNKNOWN], sends },
  });
}

function wordsOf(answer: Order | Payout): string {
  const { id, amount, externalOrderId = 'none' } = answer;
  const words = 'symbol' in answer ? answer.symbol.split('/') : [answer.currency];
  const what = words.map(printableWord).join('/');
  return `QbitPay answered with ${id}: ${amount} ${what}, externalOrderId ${printableId(externalOrderId)}`;
}

function answerLater(
  { store }: ActivityDependencies,
  { payoutId }: Subject,
  reason: FailureType,
): Promise<PayoutState<RequestNext>> {
  return readState<RequestNext>(store, payoutId, { next: { kind: 'retryLater', reason, afterMs: 0 } });
}

/** Somebody else ended or held the payout meanwhile, or sent the request, or wrote what became of it. */
async function answerNotSender(
  deps: ActivityDependencies,
  subject: Subject,
): Promise<PayoutState<RequestNext>> {
  const { state } = await deps.store.requests.get(subject.id);
  const isSent = state === REQUEST_STATE.SENDING || state === REQUEST_STATE.UNKNOWN;
  return isSent ? answerUnknown(deps, subject) : readState(deps.store, subject.payoutId);
}

/** Writes the verdict, and answers what the workflow does now. A refusal is provisional: what it is worth shows later. */
async function settleRefusal<Answer extends Order | Payout, Next>(
  deps: ActivityDependencies,
  post: GuardedPost<Answer, Next>,
  sending: Sending,
  error: unknown,
): Promise<PayoutState<Next | RequestNext>> {
  const { store } = deps;
  const { payoutId, id } = post;
  const { sends } = sending;
  const verdict = classifyPostError(id.operation, error);
  log.warn('the request was not accepted', { payoutId, operation: id.operation, verdict: verdict.kind });
  await recordError(deps, id, { error, sends, verdict: verdict.kind });
  switch (verdict.kind) {
    case 'unknown':
      return answerUnknown(deps, post, { sends });
    case 'notSent': {
      const settled = await persistWithRetry(() => store.requests.endNotSent(id, sends));
      if (settled !== REQUEST_STATE.NOT_SENT) return answerNotSender(deps, post);
      const next = { kind: 'retryLater', reason: FAILURE_TYPE.PROVIDER_UNAVAILABLE, afterMs: 0 } as const;
      return readState<RequestNext>(store, payoutId, { next });
    }
    case 'priceRefused':
      return settlePriceRefusal(deps, post, sending);
    case 'retryLater': {
      const { reason: type, afterMs: retryAfterMs } = verdict;
      const refused = { state: REQUEST_STATE.RETRY_LATER, type, message: '', retryAfterMs } as const;
      return answerUnknown(deps, post, { sends, refused });
    }
    case 'invalid':
    case 'refused': {
      const type = verdict.kind === 'invalid' ? post.invalidType : FAILURE_TYPE.PROVIDER_REFUSED;
      const code = error instanceof QbitPayProviderError ? ` (HTTP ${error.status})` : '';
      const message = `${FAILURES[type].meaning}${code}`;
      const refused = { state: REQUEST_STATE.REFUSED, type, message, retryAfterMs: 0 } as const;
      return answerUnknown(deps, post, { sends, refused });
    }
  }
}

/**
 * A price is refused often, and another one is taken at once where a fresh reading shows no order, and the balance that it
 * would have taken from is the same: more says nothing, as others may have deposited what the order took. Elsewhere the
 * refusal is as provisional as any other.
 */
async function settlePriceRefusal<Answer extends Order | Payout, Next>(
  deps: ActivityDependencies,
  post: GuardedPost<Answer, Next>,
  { sends, asked, availableBefore: before }: Sending,
): Promise<PayoutState<Next | RequestNext>> {
  const { store } = deps;
  const { payoutId, id } = post;
  const type = FAILURE_TYPE.PRICE_TOO_OLD;
  const refused = { state: REQUEST_STATE.RETRY_LATER, type, message: '', retryAfterMs: 0 } as const;
  const unknown = await answerUnknown(deps, post, { sends, refused });
  try {
    await awaitFreshSync(deps, 'a price was refused', id);
  } catch (error) {
    if (error instanceof ApplicationFailure) return unknown;
    throw error;
  }
  const after = await store.mirror.readBalance(asked.currency);
  // Where the balance before does not hold the amount yet, its deposit came since: the two would cancel each other out.
  const isUnchanged =
    before !== undefined &&
    after !== undefined &&
    compareAmounts(before, asked.amount) >= 0 &&
    compareAmounts(after, before) === 0;
  const isAbsent = isUnchanged && isNothing(await findAtProvider(deps, payoutId, id));
  if (!isAbsent || !(await store.requests.confirmRefusal(id, sends))) return unknown;
  return readState(store, payoutId, { next: post.priceRefused });
}

/** A final refusal ends the payout or needs a person, as its failure type says. */
async function answerRejection(
  { store }: ActivityDependencies,
  { payoutId, id }: Subject,
  { type, message }: Failure,
): Promise<PayoutState<RequestNext>> {
  if (FAILURES[type].kind === FAILURE_KIND.FAILED) {
    return readState<RequestNext>(store, payoutId, { next: { kind: 'fail', type, message } });
  }
  const detail = `${id.operation} refused: ${message}`;
  return putOnHold(store, payoutId, { reason: type, detail, about: { id, states: [REQUEST_STATE.REFUSED] } });
}

/**
 * What its request says to a step that is run again; undefined where it may leave. It saves a price, a reading and a
 * sizing; whether the request leaves is decided by the store's claim alone.
 */
export async function answerFromRequest(
  deps: ActivityDependencies,
  subject: Subject,
  found: ProviderRequest | undefined,
): Promise<PayoutState<RequestNext> | undefined> {
  if (found === undefined) return undefined;
  const { state, rejection, mayBeResent, retryAfterSeconds, sentAgoMs } = found;
  if (state === REQUEST_STATE.REFUSED && rejection !== null) {
    return answerRejection(deps, subject, rejection);
  }
  const afterMs = retryAfterSeconds * 1_000 - (sentAgoMs ?? 0);
  if (state === REQUEST_STATE.RETRY_LATER && rejection !== null && afterMs > 0) {
    const next = { kind: 'retryLater', reason: rejection.type, afterMs } as const;
    return readState<RequestNext>(deps.store, subject.payoutId, { next });
  }
  const isOpen = state === REQUEST_STATE.SENDING || state === REQUEST_STATE.UNKNOWN;
  return isOpen && !mayBeResent ? answerUnknown(deps, subject) : undefined;
}

interface UnknownEnd {
  /** Its sender itself does not know, so that it may have left until now. */
  readonly sends?: number;
  readonly refused?: Refused;
}

async function answerUnknown(
  { store }: ActivityDependencies,
  { payoutId, id }: Subject,
  { sends, refused }: UnknownEnd = {},
): Promise<PayoutState<RequestNext>> {
  const { requests } = store;
  await persistWithRetry(async () => {
    await (sends === undefined ? requests.declareUnknown(id) : requests.endUnknown(id, sends, refused));
  });
  log.warn('the outcome of a request is not known', { payoutId, operation: id.operation });
  return readState<RequestNext>(store, payoutId, { next: { kind: 'resolveOutcome' } });
}
