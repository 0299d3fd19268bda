import { log } from '@temporalio/activity';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import type { SentAmount } from '../../src/store/requests/send-guard.js';
import { REQUEST_STATE } from '../../src/store/schema.js';
import { FAILURE_KIND, FAILURES, type FailureType } from '../../src/domain/failure-type.js';
import { takeMoment, type Moment } from '../../src/qbitpay/moment.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { PostVerdict } from '../failure-mapping.js';
import { hold, superseded, type PayoutState } from '../payout-state.js';
import { persistWithRetry } from '../persist-with-retry.js';

/** Requests that move money leave through here, and only through here: the same for orders and payouts. */

/** Final, and nothing was converted. */
export interface Refused {
  readonly kind: 'refused';
  readonly type: FailureType;
  readonly message: string;
}

/** Nothing took effect; to be sent again when the reason is gone. */
export interface RetryLater {
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
export type NotAccepted = Refused | RetryLater | Unknown | PayoutState;

export interface GuardedPost<Answer, Result> {
  readonly payoutId: string;
  readonly providerRequest: ProviderRequestId;
  /** One line for the timeline. */
  readonly detail: string;
  /** All that the request is decided on was read after it: a process that was frozen since must not send. */
  readonly decidedAt: Moment;
  /** What is asked for; undefined when the payout's own money does not cover it: `uncovered` answers then. */
  readonly size: () => Promise<SentAmount | undefined>;
  readonly uncovered: () => Promise<Result | PayoutState>;
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
 * Sends a request once, if its provider request allows it. Run again it never sends a second one by itself: it answers what
 * the provider request says.
 */
export async function sendGuarded<Answer, Result>(
  deps: ActivityDependencies,
  post: GuardedPost<Answer, Result>,
): Promise<Result | NotAccepted> {
  const { store } = deps;
  const { payoutId, providerRequest } = post;
  const isPrepared = await store.requests.prepare(payoutId, providerRequest, post.detail);
  if (!isPrepared) return superseded(store, payoutId);
  const known = await answerFromRequest(deps, payoutId, providerRequest);
  if (known !== undefined) return known;
  // Nobody else sends it as long as this process lives, and its connection with the database stands.
  const sent = await store.requests.whileSending(providerRequest, () => sizeAndSend(deps, post));
  if (sent !== undefined) return sent;
  await store.requests.withdrawResend(providerRequest);
  return { kind: 'unknown' };
}

async function sizeAndSend<Answer, Result>(
  deps: ActivityDependencies,
  post: GuardedPost<Answer, Result>,
): Promise<Result | NotAccepted> {
  const { store } = deps;
  const { providerRequest } = post;
  const { mayBeResent, firstSentAt } = await store.requests.get(providerRequest);
  let { decidedAt } = post;
  // It was proven absent some time ago: it is sent again only if it is absent still, which may take long to see.
  if (mayBeResent && firstSentAt !== null) {
    if (!(await post.isAbsent(firstSentAt))) {
      await store.requests.withdrawResend(providerRequest);
      return { kind: 'unknown' };
    }
    decidedAt = takeMoment();
  }
  const asked = await post.size();
  return asked === undefined ? post.uncovered() : sendOnce(deps, post, asked, decidedAt);
}

async function sendOnce<Answer, Result>(
  deps: ActivityDependencies,
  post: GuardedPost<Answer, Result>,
  asked: SentAmount,
  decidedAt: Moment,
): Promise<Result | NotAccepted> {
  const { payoutId, providerRequest } = post;
  const sends = await deps.store.requests.claim(providerRequest, asked);
  if (sends === undefined) return notSender(deps, payoutId, providerRequest);
  let answer: Answer;
  try {
    answer = await post.send(asked, decidedAt);
  } catch (error) {
    return settleRefusal(deps, post, sends, error);
  }
  return post.isOurs(answer)
    ? post.accept(answer, asked)
    : endUnknown(deps, payoutId, providerRequest, sends);
}

/** Somebody else ended or held the payout meanwhile, or sent the request, or wrote what became of it. */
async function notSender(
  deps: ActivityDependencies,
  payoutId: string,
  providerRequest: ProviderRequestId,
): Promise<PayoutState | Unknown> {
  const { state } = await deps.store.requests.get(providerRequest);
  const isSent = state === REQUEST_STATE.SENDING || state === REQUEST_STATE.UNKNOWN;
  return isSent ? asUnknown(deps, payoutId, providerRequest) : superseded(deps.store, payoutId);
}

/** Writes the verdict, the rejection with it where it is final, and answers what the workflow does now. */
async function settleRefusal<Answer, Result>(
  deps: ActivityDependencies,
  post: GuardedPost<Answer, Result>,
  sends: number,
  error: unknown,
): Promise<Result | NotAccepted> {
  const { payoutId, providerRequest } = post;
  const verdict = post.classify(error);
  log.warn('the request was not accepted', {
    payoutId,
    operation: providerRequest.operation,
    verdict: verdict.kind,
  });
  if (verdict.kind === 'unknown') return endUnknown(deps, payoutId, providerRequest, sends);
  const isFinal = verdict.kind === 'invalid' || verdict.kind === 'refused';
  const rejection = post.toRejection(error, verdict);
  const settled = await persistWithRetry(() =>
    deps.store.requests.settle(
      providerRequest,
      sends,
      verdict.providerRequest,
      isFinal ? rejection : undefined,
    ),
  );
  if (settled !== verdict.providerRequest) return notSender(deps, payoutId, providerRequest);
  if (verdict.kind === 'priceRefused') return post.priceRefused();
  if (verdict.kind !== 'notNow') return answerRejection(deps, payoutId, providerRequest, rejection);
  return { kind: 'notNow', reason: verdict.type, retryAfterMs: verdict.retryAfterMs ?? 0 };
}

/** A final refusal ends the payout or needs a person, as its failure type says. */
async function answerRejection(
  { store }: ActivityDependencies,
  payoutId: string,
  id: ProviderRequestId,
  { type, message }: Rejection,
): Promise<Refused | PayoutState> {
  if (FAILURES[type].kind === FAILURE_KIND.FAILED) return { kind: 'refused', type, message };
  const detail = `${id.operation} refused: ${message}`;
  return hold(store, payoutId, { reason: type, detail, about: { id, states: [REQUEST_STATE.REFUSED] } });
}

/** What its provider request says of a step that is run again; undefined where a request may leave. */
export async function answerFromRequest(
  deps: ActivityDependencies,
  payoutId: string,
  providerRequest: ProviderRequestId,
): Promise<Refused | PayoutState | Unknown | undefined> {
  const found = await deps.store.requests.find(providerRequest);
  if (found === undefined) return undefined;
  const { state, rejection, mayBeResent } = found;
  if (state === REQUEST_STATE.REFUSED && rejection !== null) {
    return answerRejection(deps, payoutId, providerRequest, rejection);
  }
  const isOpen = state === REQUEST_STATE.SENDING || state === REQUEST_STATE.UNKNOWN;
  return isOpen && !mayBeResent ? asUnknown(deps, payoutId, providerRequest) : undefined;
}

async function asUnknown(
  { store }: ActivityDependencies,
  payoutId: string,
  providerRequest: ProviderRequestId,
): Promise<Unknown> {
  await persistWithRetry(() => store.requests.declareUnknown(providerRequest));
  log.warn('the outcome of a request is not known', { payoutId, operation: providerRequest.operation });
  return { kind: 'unknown' };
}

/** The sender itself does not know: until now the request may have left. */
async function endUnknown(
  { store }: ActivityDependencies,
  payoutId: string,
  providerRequest: ProviderRequestId,
  sends: number,
): Promise<Unknown> {
  await persistWithRetry(() => store.requests.endUnknown(providerRequest, sends));
  log.warn('the outcome of a request is not known', { payoutId, operation: providerRequest.operation });
  return { kind: 'unknown' };
}
