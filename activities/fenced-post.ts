import { log } from '@temporalio/activity';
import type { FenceId } from '../src/book/fences.js';
import { FENCE_STATE } from '../src/book/schema.js';
import { FAILURE_KIND, FAILURE_TYPE, FAILURES, type FailureType } from '../src/domain/failure-type.js';
import type { ActivityDependencies } from './dependencies.js';
import type { PostVerdict } from './failure-mapping.js';
import { hold, type Superseded } from './superseded.js';
import { surely } from './surely.js';
import { noteWaiting } from './watched.js';

/** What follows from a request that moves money and was not accepted: the same for orders and payouts. */

/** One sending of a request behind its fence. */
export interface FencedPost {
  readonly payoutId: string;
  readonly fence: FenceId;
  /** Which sending this is. */
  readonly sends: number;
}

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

export interface Rejection {
  readonly type: FailureType;
  readonly message: string;
}

/** Writes the verdict, `rejection` with it where it is final, and answers what the workflow does now. */
export async function settleRefusal(
  deps: ActivityDependencies,
  post: FencedPost,
  verdict: Exclude<PostVerdict, { kind: 'priceRefused' }>,
  rejection: Rejection,
): Promise<Refused | NotNow | Superseded> {
  const { payoutId, fence, sends } = post;
  log.warn('the request was not accepted', { payoutId, operation: fence.operation, verdict: verdict.kind });
  if (verdict.kind === 'unknown') return holdAsUnknown(deps, payoutId, fence);
  const isFinal = verdict.kind !== 'notNow';
  await surely(() =>
    deps.book.attempts.settleFence(fence, sends, verdict.fence, isFinal ? rejection : undefined),
  );
  if (isFinal) return answerRejection(deps, post, rejection);
  await noteWaiting(deps.book, payoutId, verdict.type);
  return { kind: 'notNow', reason: verdict.type, retryAfterMs: verdict.retryAfterMs ?? 0 };
}

/** A final refusal ends the payout or needs a person, as its failure type says. */
async function answerRejection(
  { book }: ActivityDependencies,
  { payoutId, fence }: Pick<FencedPost, 'payoutId' | 'fence'>,
  { type, message }: Rejection,
): Promise<Refused | Superseded> {
  return FAILURES[type].kind === FAILURE_KIND.FAILED
    ? { kind: 'refused', type, message }
    : hold(book, payoutId, type, `${fence.operation} refused: ${message}`);
}

/** What its fence says of a step that is run again: only a refusal is an answer by itself. */
export async function answerFromFence(
  deps: ActivityDependencies,
  payoutId: string,
  fence: FenceId,
): Promise<Refused | Superseded | undefined> {
  const { state, rejection } = await deps.book.attempts.getFence(fence);
  return state === FENCE_STATE.REJECTED && rejection !== null
    ? answerRejection(deps, { payoutId, fence }, rejection)
    : undefined;
}

/** It may have taken effect: a person has to look, and nothing is sent again. */
export async function holdAsUnknown(
  { book }: ActivityDependencies,
  payoutId: string,
  fence: FenceId,
): Promise<Superseded> {
  await surely(() => book.attempts.declareUnknown(fence));
  const detail = `outcome of ${fence.operation} ${fence.externalOrderId} not known`;
  return hold(book, payoutId, FAILURE_TYPE.UNKNOWN_OUTCOME, detail);
}
