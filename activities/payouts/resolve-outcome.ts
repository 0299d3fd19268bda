import { log } from '@temporalio/activity';
import { FAILURE_TYPE, type FailureType } from '../../src/domain/failure-type.js';
import { isFinalStatus, PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { isWithinLimit } from '../../src/domain/amount-limits.js';
import type { Discrepancy } from '../../src/store/payouts/discrepancies.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';
import { ABOUT_REQUEST } from '../../src/store/requests/accepted-requests.js';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import type { ProviderRequest } from '../../src/store/requests/send-guard.js';
import { REQUEST_STATE } from '../../src/store/schema.js';
import type { ActivityDependencies } from '../dependencies.js';
import { putOnHold, readState, type PayoutState } from '../payout-state.js';
import {
  awaitFreshSync,
  findAtProvider,
  isAskedFor,
  providerRequestIdOf,
  whyUnclear,
  type AtProvider,
} from '../provider/at-provider.js';
import { recordAccepted } from './accepted-object.js';

export interface ResolveOutcomeInput {
  readonly payoutId: string;
  /** How long after it was sent a request is still looked for. */
  readonly unknownOutcomeWaitSeconds: number;
  /** How many readings without it, at least. */
  readonly absenceChecks: number;
  /** How long after QbitPay refused it a request is still looked for, in seconds. */
  readonly refusalWaitSeconds: number;
  /**
   * A person decides already: it is looked for all the same, and only its being found, or what the store learnt
   * otherwise, changes anything. @default false
   */
  readonly isHeld?: boolean;
}

/** Nothing is known yet: the workflow is told when there is news. */
export interface OutcomeOpen {
  readonly kind: 'outcomeOpen';
  /** Null where a person decides: the store says why. */
  readonly reason: FailureType | null;
}

/**
 * Says what became of a request whose outcome is not known, as far as the mirror shows it: found, or believed never to
 * have arrived, after the wait for it and enough absence checks. QbitPay is not asked: the sync searches its lists.
 */
export function createResolveOutcome(deps: ActivityDependencies) {
  return async function resolveOutcome(input: ResolveOutcomeInput): Promise<PayoutState<OutcomeOpen>> {
    const { store } = deps;
    const { payoutId, isHeld = false } = input;
    await store.mirror.takeHint(payoutId, 'payoutEvent');
    const payout = await store.payouts.getPayout(payoutId);
    // A workflow that was reset may ask about a request of a payout that has ended since.
    if (isFinalStatus(payout.status)) return readState(store, payoutId);
    if (isHeld) {
      // Of the attempt that it is at: an earlier one says nothing of it.
      const state = await readState(store, payoutId);
      if (state.status !== PAYOUT_STATUS.HELD || state.providerPayoutId !== null) return state;
    }
    const id = providerRequestIdOf(payout);
    if (isHeld && payout.holdReason !== FAILURE_TYPE.UNKNOWN_OUTCOME) {
      const late = await adoptLate(deps, payout, id);
      if (late !== undefined) return late;
      await bearOutRefusal(deps, id, input);
      return stillOpen(deps, input);
    }
    const providerRequest = await store.requests.get(id);
    if (providerRequest.state !== REQUEST_STATE.UNKNOWN) {
      // Its sender came back: a payout that was held for it goes on from what it wrote.
      if (isHeld) await store.payouts.releaseKnown(payoutId, id);
      return readState(store, payoutId);
    }
    // On hold nothing is sent, whoever allowed it before.
    if (providerRequest.mayBeResent && !isHeld) return readState(store, payoutId);
    return (
      (await conclude(deps, payout, { id, providerRequest, input })) ??
      stillOpen(deps, input, providerRequest)
    );
  };
}

function stillOpen(
  { store }: ActivityDependencies,
  { payoutId, isHeld = false }: ResolveOutcomeInput,
  { provisionalState, rejection }: Partial<ProviderRequest> = {},
): Promise<PayoutState<OutcomeOpen>> {
  // Who can put the key right has to know of it.
  const isKeyRefused = rejection?.type === FAILURE_TYPE.AUTHENTICATION_REFUSED;
  const refused = isKeyRefused ? FAILURE_TYPE.AUTHENTICATION_REFUSED : FAILURE_TYPE.REFUSAL_PROVISIONAL;
  const reason = provisionalState == null ? FAILURE_TYPE.OUTCOME_LOOKED_UP : refused;
  return readState<OutcomeOpen>(store, payoutId, {
    next: { kind: 'outcomeOpen', reason: isHeld ? null : reason },
  });
}

/** What QbitPay refused, and has after all: the hold about its refusal is over. Undefined where there is no such thing. */
async function adoptLate(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  id: ProviderRequestId,
): Promise<PayoutState | undefined> {
  const { holdReason } = payout;
  if (holdReason === null || !ABOUT_REQUEST.includes(holdReason)) return undefined;
  const { found } = await findAtProvider(deps, payout.payoutId, id);
  const [first] = found;
  if (first === undefined || found.length > 1) return undefined;
  const { asked } = await deps.store.requests.get(id);
  return recordAccepted(deps, payout, { id, answer: first, asked });
}

/** On hold as well: what a person may do about the payout rests on it. */
async function bearOutRefusal(
  deps: ActivityDependencies,
  id: ProviderRequestId,
  input: ResolveOutcomeInput,
): Promise<void> {
  const providerRequest = await deps.store.requests.find(id);
  if (providerRequest === undefined || providerRequest.provisionalState === null) return;
  const atProvider = await findAtProvider(deps, input.payoutId, id);
  if (atProvider.found.length > 0) return;
  await concludeAbsent(deps, input.payoutId, { id, providerRequest, input }, atProvider);
}

interface Search {
  readonly id: ProviderRequestId;
  readonly providerRequest: ProviderRequest;
  readonly input: ResolveOutcomeInput;
}

/** Undefined while it is neither found nor believed to be absent. */
async function conclude(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  search: Search,
): Promise<PayoutState | undefined> {
  const { store } = deps;
  const { payoutId } = payout;
  const { id, providerRequest } = search;
  let atProvider = await findAtProvider(deps, payoutId, id);
  if (atProvider.found.length === 1) {
    // It may have been read before the request was sent: the request itself would be a second one.
    await awaitFreshSync(deps, 'an unanswered request was found', id);
    atProvider = await findAtProvider(deps, payoutId, id);
  }
  const [first] = atProvider.found;
  const problem = whyNotTaken(atProvider, providerRequest, deps.settings);
  if (problem !== undefined) {
    if (problem.reason === payout.holdReason) return undefined;
    const about = { id, states: [REQUEST_STATE.UNKNOWN], sends: providerRequest.sends };
    return putOnHold(store, payoutId, { ...problem, about });
  }
  if (first !== undefined) {
    log.info('an unanswered request was found', { payoutId, operation: id.operation, providerId: first.id });
    return recordAccepted(deps, payout, { id, answer: first, asked: providerRequest.asked });
  }
  return concludeAbsent(deps, payoutId, search, atProvider);
}

/** Why a person has to decide about what QbitPay shows, or has shown, under the request's id. */
function whyNotTaken(
  { found, vanished }: AtProvider,
  { sends, asked }: ProviderRequest,
  { isAccountShared }: Pick<ActivityDependencies['settings'], 'isAccountShared'>,
): Discrepancy | undefined {
  const [first] = found;
  if (found.length > 1) {
    const detail = `QbitPay has ${found.map((one) => one.id).join(', ')}`;
    return { reason: FAILURE_TYPE.DUPLICATE_AT_PROVIDER, detail };
  }
  const reason = FAILURE_TYPE.UNKNOWN_OUTCOME;
  if (first === undefined) {
    if (vanished.length === 0) return undefined;
    return { reason, detail: `QbitPay has shown ${vanished.join(', ')}, and does not show it any more` };
  }
  if (sends > 0 || asked === null) return undefined;
  // On a shared account it may be anybody's, whatever it is about.
  if (!isAccountShared && ('symbol' in first || isAskedFor(first, asked))) return undefined;
  const { amount, currency } = asked;
  const held = 'symbol' in first ? first.symbol : first.currency;
  const detail = `QbitPay has ${first.id} of ${first.amount} ${held}, not sent from here; asked for would be ${amount} ${currency}`;
  return { reason, detail };
}

/** So many readings without it bear a refusal out: QbitPay has answered, and has said that it has not taken it. */
const REFUSAL_ABSENCE_CHECKS = 2;

/** Undefined while it is too early to believe it. */
async function concludeAbsent(
  deps: ActivityDependencies,
  payoutId: string,
  search: Search,
  atProvider: AtProvider,
): Promise<PayoutState | undefined> {
  const { store } = deps;
  const { id, providerRequest, input } = search;
  const { sends, resends, provisionalState } = providerRequest;
  // Of one that was sent again, it says nothing of the sending before.
  const isRefused = provisionalState !== null && resends === 0;
  // A person decides already; only what is learnt otherwise changes anything.
  if (input.isHeld === true && !isRefused) return undefined;
  const absenceChecks = isRefused ? REFUSAL_ABSENCE_CHECKS : input.absenceChecks;
  const waitSeconds = isRefused ? input.refusalWaitSeconds : input.unknownOutcomeWaitSeconds;
  const wanted = { sends, waitSeconds, absenceChecks };
  if (providerRequest.isUnsearchable) return holdUnsearchable(deps, payoutId, search, atProvider);
  if (providerRequest.absenceChecks < absenceChecks) {
    await store.requests.wantAbsence(id, wanted);
    return undefined;
  }
  const unclear = whyUnclear(atProvider);
  if (isRefused && unclear === undefined) {
    await store.requests.confirmRefusal(id, sends);
    if (input.isHeld === true) await store.payouts.releaseKnown(payoutId, id);
    return readState(store, payoutId);
  }
  if (input.isHeld === true) return undefined;
  if (unclear !== undefined || !mayResend(deps, providerRequest)) {
    const { absenceChecks: readings } = providerRequest;
    const notFound = `${id.operation} ${id.externalOrderId} was not found at QbitPay in ${readings} readings`;
    return putOnHold(store, payoutId, {
      reason: FAILURE_TYPE.UNKNOWN_OUTCOME,
      detail: unclear === undefined ? notFound : `${notFound}; ${unclear}`,
      about: { id, states: [REQUEST_STATE.UNKNOWN], sends },
    });
  }
  // Whoever sent it holds this as long as he can: what he may still do comes before anything else.
  const granted = await store.requests.whileSending(id, () =>
    store.requests.authoriseResend(id, sends, 'engine', absenceChecks),
  );
  if (granted === true) return readState(store, payoutId);
  if (granted === undefined) await store.requests.withdrawResend(id);
  await store.requests.wantAbsence(id, wanted);
  return undefined;
}

/** Only a person, who asks QbitPay, can tell. */
async function holdUnsearchable(
  { store }: ActivityDependencies,
  payoutId: string,
  { id, providerRequest, input }: Search,
  atProvider: AtProvider,
): Promise<PayoutState | undefined> {
  if (input.isHeld === true) return undefined;
  const { isOffered } = await store.mirror.readList(id.operation);
  const why = isOffered
    ? 'its list held something without an id, or something that was disowned since'
    : 'it offers no list of them';
  const notProven = `that QbitPay has no ${id.operation} ${id.externalOrderId} cannot be proven`;
  return putOnHold(store, payoutId, {
    reason: FAILURE_TYPE.UNKNOWN_OUTCOME,
    detail: `${notProven}: ${whyUnclear(atProvider) ?? why}`,
    about: { id, states: [REQUEST_STATE.UNKNOWN], sends: providerRequest.sends },
  });
}

/** A second time a person decides: what keeps it from arriving is not a passing fault. */
function mayResend({ settings }: ActivityDependencies, { asked, resends }: ProviderRequest): boolean {
  return asked !== null && resends === 0 && isWithinLimit(asked, settings.resendLimits);
}
