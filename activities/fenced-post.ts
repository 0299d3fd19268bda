import { log } from '@temporalio/activity';
import type { FenceId, SentAmount } from '../src/book/fences.js';
import { FENCE_STATE } from '../src/book/schema.js';
import { FAILURE_KIND, FAILURES, type FailureType } from '../src/domain/failure-type.js';
import type { Milestone } from '../src/domain/milestone.js';
import { takeMoment, type Moment } from '../src/qbitpay/moment.js';
import type { ActivityDependencies } from './dependencies.js';
import type { PostVerdict } from './failure-mapping.js';
import { hold, superseded, type Superseded } from './superseded.js';
import { surely } from './surely.js';
import { noteWaiting, watched } from './watched.js';

/** Requests that move money leave through here, and only through here: the same for orders and payouts. */

/** Final, and nothing was converted. */
export interface Refused {
  readonly kind: 'refused';
  readonly type: FailureType;
  readonly message: string;
}

/** Nothing took effect; to be sent again when the reason is gone. */
export interface NotNow {
  readonly kind: 'notNow';
  readonly reason: FailureType;
  readonly retryAfterMs: number;
}

/** It may have taken effect: to be looked up before anything else. */
export interface Unknown {
  readonly kind: 'unknown';
}

export interface Rejection {
  readonly type: FailureType;
  readonly message: string;
}

/** The ways in which a request comes to nothing, or to nothing yet. */
export type NotAccepted = Refused | NotNow | Unknown | Superseded;

export interface FencedPost<Answer, Result> {
  readonly payoutId: string;
  readonly fence: FenceId;
  /** One line for the timeline. */
  readonly detail: string;
  /** All that the request is decided on was read after it: a process that was frozen since must not send. */
  readonly decidedAt: Moment;
  readonly milestones: { readonly afterFence: Milestone; readonly afterResponse: Milestone };
  /** What is asked for; undefined when the payout's own money does not cover it: `uncovered` answers then. */
  readonly size: () => Promise<SentAmount | undefined>;
  readonly uncovered: () => Promise<Result | Superseded>;
  /** True when QbitPay, read once more, shows nothing of an earlier sending since `firstSentAt`. */
  readonly isAbsent: (firstSentAt: Date) => Promise<boolean>;
  readonly send: (asked: SentAmount, decidedAt: Moment) => Promise<Answer>;
  /** True when the answer is to this request. */
  readonly isOurs: (answer: Answer) => boolean;
  readonly accept: (answer: Answer, asked: SentAmount) => Promise<Result>;
  readonly classify: (error: unknown) => PostVerdict;
  readonly toRejection: (error: unknown, verdict: PostVerdict) => Rejection;
  /** Only orders have it. */
  readonly priceRefused: () => Result | Unknown;
}

/**
 * Sends a request once, if its fence allows it. Run again it never sends a second one by itself: it answers what
 * the fence says.
 */
export async function sendThroughFence<Answer, Result>(
  deps: ActivityDependencies,
  post: FencedPost<Answer, Result>,
): Promise<Result | NotAccepted> {
  const { book } = deps;
  const { payoutId, fence } = post;
  const step = await book.attempts.enterStep(payoutId, fence, post.detail);
  if (step.kind === 'superseded') return superseded(book, payoutId);
  const known = await answerFromFence(deps, payoutId, fence);
  if (known !== undefined) return known;
  // Nobody else sends it as long as this process lives, and its connection with the database stands.
  const sent = await book.whileSending(fence, () => sizeAndSend(deps, post));
  if (sent !== undefined) return sent;
  await book.attempts.withdrawResend(fence);
  return { kind: 'unknown' };
}

async function sizeAndSend<Answer, Result>(
  deps: ActivityDependencies,
  post: FencedPost<Answer, Result>,
): Promise<Result | NotAccepted> {
  const { book } = deps;
  const { payoutId, fence } = post;
  const { mayBeResent, firstSentAt } = await book.attempts.getFence(fence);
  let { decidedAt } = post;
  // It was proven absent some time ago: it is sent again only if it is absent still, which may take long to see.
  if (mayBeResent && firstSentAt !== null) {
    const isAbsent = await watched(book, payoutId, () => post.isAbsent(firstSentAt));
    if (!isAbsent) {
      await book.attempts.withdrawResend(fence);
      return { kind: 'unknown' };
    }
    decidedAt = takeMoment();
  }
  const asked = await post.size();
  return asked === undefined ? post.uncovered() : sendOnce(deps, post, asked, decidedAt);
}

async function sendOnce<Answer, Result>(
  deps: ActivityDependencies,
  post: FencedPost<Answer, Result>,
  asked: SentAmount,
  decidedAt: Moment,
): Promise<Result | NotAccepted> {
  const { payoutId, fence } = post;
  const sends = await deps.book.attempts.claimSending(fence, asked);
  if (sends === undefined) return notSender(deps, payoutId, fence);
  await deps.reached(post.milestones.afterFence);
  let answer: Answer;
  try {
    answer = await post.send(asked, decidedAt);
  } catch (error) {
    return settleRefusal(deps, post, sends, error);
  }
  await deps.reached(post.milestones.afterResponse);
  return post.isOurs(answer) ? post.accept(answer, asked) : endUnknown(deps, payoutId, fence, sends);
}

/** Somebody else ended or held the payout meanwhile, or sent the request, or wrote what became of it. */
async function notSender(
  deps: ActivityDependencies,
  payoutId: string,
  fence: FenceId,
): Promise<Superseded | Unknown> {
  const { state } = await deps.book.attempts.getFence(fence);
  const isSent = state === FENCE_STATE.SENDING || state === FENCE_STATE.UNKNOWN;
  return isSent ? asUnknown(deps, payoutId, fence) : superseded(deps.book, payoutId);
}

/** Writes the verdict, the rejection with it where it is final, and answers what the workflow does now. */
async function settleRefusal<Answer, Result>(
  deps: ActivityDependencies,
  post: FencedPost<Answer, Result>,
  sends: number,
  error: unknown,
): Promise<Result | NotAccepted> {
  const { payoutId, fence } = post;
  const verdict = post.classify(error);
  log.warn('the request was not accepted', { payoutId, operation: fence.operation, verdict: verdict.kind });
  if (verdict.kind === 'unknown') return endUnknown(deps, payoutId, fence, sends);
  const isFinal = verdict.kind === 'invalid' || verdict.kind === 'refused';
  const rejection = post.toRejection(error, verdict);
  const settled = await surely(() =>
    deps.book.attempts.settleFence(fence, sends, verdict.fence, isFinal ? rejection : undefined),
  );
  if (settled !== verdict.fence) return notSender(deps, payoutId, fence);
  if (verdict.kind === 'priceRefused') return post.priceRefused();
  if (verdict.kind !== 'notNow') return answerRejection(deps, payoutId, fence, rejection);
  await noteWaiting(deps.book, payoutId, verdict.type);
  return { kind: 'notNow', reason: verdict.type, retryAfterMs: verdict.retryAfterMs ?? 0 };
}

/** A final refusal ends the payout or needs a person, as its failure type says. */
async function answerRejection(
  { book }: ActivityDependencies,
  payoutId: string,
  id: FenceId,
  { type, message }: Rejection,
): Promise<Refused | Superseded> {
  if (FAILURES[type].kind === FAILURE_KIND.FAILED) return { kind: 'refused', type, message };
  const detail = `${id.operation} refused: ${message}`;
  return hold(book, payoutId, { reason: type, detail, about: { id, states: [FENCE_STATE.REJECTED] } });
}

/** What its fence says of a step that is run again; undefined where a request may leave. */
export async function answerFromFence(
  deps: ActivityDependencies,
  payoutId: string,
  fence: FenceId,
): Promise<Refused | Superseded | Unknown | undefined> {
  const found = await deps.book.attempts.findFence(fence);
  if (found === undefined) return undefined;
  const { state, rejection, mayBeResent } = found;
  if (state === FENCE_STATE.REJECTED && rejection !== null) {
    return answerRejection(deps, payoutId, fence, rejection);
  }
  const isOpen = state === FENCE_STATE.SENDING || state === FENCE_STATE.UNKNOWN;
  return isOpen && !mayBeResent ? asUnknown(deps, payoutId, fence) : undefined;
}

async function asUnknown({ book }: ActivityDependencies, payoutId: string, fence: FenceId): Promise<Unknown> {
  await surely(() => book.attempts.declareUnknown(fence));
  log.warn('the outcome of a request is not known', { payoutId, operation: fence.operation });
  return { kind: 'unknown' };
}

/** The sender itself does not know: until now the request may have left. */
async function endUnknown(
  { book }: ActivityDependencies,
  payoutId: string,
  fence: FenceId,
  sends: number,
): Promise<Unknown> {
  await surely(() => book.attempts.endUnknown(fence, sends));
  log.warn('the outcome of a request is not known', { payoutId, operation: fence.operation });
  return { kind: 'unknown' };
}
