import { log } from '@temporalio/activity';
import type { ProviderRequestId, SentAmount } from '../../src/store/requests/send-guard.js';
import { REQUEST_STATE } from '../../src/store/schema.js';
import type { Destination } from '../../src/domain/destination.js';
import {
  FAILURE_KIND,
  FAILURE_TYPE,
  FAILURES,
  type Failure,
  type FailureType,
} from '../../src/domain/failure-type.js';
import { takeMoment, type Moment } from '../../src/qbitpay/moment.js';
import { currentRunId } from '../current-run.js';
import type { ActivityDependencies } from '../dependencies.js';
import { classifyPostError, maskProviderText } from '../failure-mapping.js';
import { putOnHold, readState, type PayoutState } from '../payout-state.js';
import { persistWithRetry } from '../persist-with-retry.js';
import { checkAccount } from '../provider/account-identity.js';
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
export interface GuardedPost<Answer, Next> {
  readonly payoutId: string;
  readonly id: ProviderRequestId;
  /** One line for the timeline. */
  readonly detail: string;
  /** All that the request is decided on was read after it: a process that was frozen since must not send. */
  readonly decidedAt: Moment;
  /** What is asked for; undefined when the payout's own money does not cover it: `uncovered` answers then. */
  readonly size: () => Promise<SentAmount | undefined>;
  readonly uncovered: () => Promise<PayoutState<Next>>;
  readonly send: (asked: SentAmount, decidedAt: Moment) => Promise<Answer>;
  /** True when the answer is to this request. */
  readonly isOurs: (answer: Answer) => boolean;
  readonly accept: (answer: Answer, asked: SentAmount) => Promise<PayoutState<Next>>;
  /** The failure type of a request that QbitPay calls invalid. */
  readonly invalidType: FailureType;
  readonly destination: Destination;
  /** Only orders have a price that can be refused. */
  readonly priceRefused: Next | RequestNext;
}

type Subject = Pick<GuardedPost<unknown, unknown>, 'payoutId' | 'id'>;

/** Sends a request once, if its step can begin and its own state does not say otherwise. */
export async function sendGuarded<Answer, Next>(
  deps: ActivityDependencies,
  post: GuardedPost<Answer, Next>,
): Promise<PayoutState<Next | RequestNext>> {
  const { store } = deps;
  const { payoutId, id } = post;
  const isPrepared = await store.requests.prepare(payoutId, id, post.detail);
  if (!isPrepared) return readState(store, payoutId);
  const known = await answerFromRequest(deps, post);
  if (known !== undefined) return known;
  if (!(await isStartWishGranted(deps))) return answerNotSynced(deps, post);
  // Nobody else sends it as long as this process lives, and its connection with the database stands.
  const sent = await store.requests.whileSending(id, () => sizeAndSend(deps, post));
  if (sent !== undefined) return sent;
  await store.requests.withdrawResend(id);
  return readState<RequestNext>(store, payoutId, { next: { kind: 'resolveOutcome' } });
}

async function sizeAndSend<Answer, Next>(
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
  await checkAccount(deps);
  const asked = await post.size();
  return asked === undefined ? post.uncovered() : sendOnce(deps, post, asked, decidedAt);
}

/** The store's claim is the send guard: who does not get it sends nothing, whatever was read before. */
async function sendOnce<Answer, Next>(
  deps: ActivityDependencies,
  post: GuardedPost<Answer, Next>,
  asked: SentAmount,
  decidedAt: Moment,
): Promise<PayoutState<Next | RequestNext>> {
  const sender = { runId: currentRunId(), seen: deps.seen };
  const sends = await deps.store.requests.claim(post.id, sender, asked);
  if (sends === undefined) return answerNotSender(deps, post);
  if (sends === 'notSynced') return answerNotSynced(deps, post);
  if (sends === 'notFirst') return answerLater(deps, post, FAILURE_TYPE.FIRST_ANSWER);
  if (sends === 'braked') return answerLater(deps, post, FAILURE_TYPE.BRAKE_ENGAGED);
  if (sends === 'superseded') {
    return readState<RequestNext>(deps.store, post.payoutId, { next: { kind: 'superseded' } });
  }
  let answer: Answer;
  try {
    answer = await post.send(asked, decidedAt);
  } catch (error) {
    return settleRefusal(deps, post, sends, error);
  }
  return post.isOurs(answer) ? post.accept(answer, asked) : answerUnknown(deps, post, sends);
}

/** Nothing leaves before a complete sync that began after this process started. */
function answerNotSynced(deps: ActivityDependencies, subject: Subject): Promise<PayoutState<RequestNext>> {
  return answerLater(deps, subject, FAILURE_TYPE.FIRST_SYNC);
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

/** Writes the verdict, the refusal with it where it is final, and answers what the workflow does now. */
async function settleRefusal<Answer, Next>(
  deps: ActivityDependencies,
  post: GuardedPost<Answer, Next>,
  sends: number,
  error: unknown,
): Promise<PayoutState<Next | RequestNext>> {
  const { store } = deps;
  const { payoutId, id } = post;
  const verdict = classifyPostError(id.operation, error);
  log.warn('the request was not accepted', { payoutId, operation: id.operation, verdict: verdict.kind });
  if (verdict.kind === 'unknown') return answerUnknown(deps, post, sends);
  const rejection =
    verdict.state === REQUEST_STATE.REFUSED
      ? {
          type: verdict.kind === 'invalid' ? post.invalidType : FAILURE_TYPE.PROVIDER_REFUSED,
          message: maskProviderText(error, post.destination),
        }
      : undefined;
  const settled = await persistWithRetry(() => store.requests.settle(id, sends, verdict.state, rejection));
  if (settled !== verdict.state) return answerNotSender(deps, post);
  if (rejection !== undefined) return answerRejection(deps, post, rejection);
  if (verdict.kind !== 'retryLater') return readState(store, payoutId, { next: post.priceRefused });
  const { kind, reason, afterMs } = verdict;
  return readState<RequestNext>(store, payoutId, { next: { kind, reason, afterMs } });
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
): Promise<PayoutState<RequestNext> | undefined> {
  const found = await deps.store.requests.find(subject.id);
  if (found === undefined) return undefined;
  const { state, rejection, mayBeResent } = found;
  if (state === REQUEST_STATE.REFUSED && rejection !== null) {
    return answerRejection(deps, subject, rejection);
  }
  const isOpen = state === REQUEST_STATE.SENDING || state === REQUEST_STATE.UNKNOWN;
  return isOpen && !mayBeResent ? answerUnknown(deps, subject) : undefined;
}

/** `sends`: its sender itself does not know, so that it may have left until now. */
async function answerUnknown(
  { store }: ActivityDependencies,
  { payoutId, id }: Subject,
  sends?: number,
): Promise<PayoutState<RequestNext>> {
  const { requests } = store;
  await persistWithRetry(() =>
    sends === undefined ? requests.declareUnknown(id) : requests.endUnknown(id, sends),
  );
  log.warn('the outcome of a request is not known', { payoutId, operation: id.operation });
  return readState<RequestNext>(store, payoutId, { next: { kind: 'resolveOutcome' } });
}
