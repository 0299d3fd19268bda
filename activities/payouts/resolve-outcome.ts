import { log } from '@temporalio/activity';
import type { Store } from '../../src/store/store.js';
import type { ProviderRequest, ProviderRequestId } from '../../src/store/requests/send-guard.js';
import { REQUEST_STATE } from '../../src/store/schema.js';
import { FAILURE_TYPE, type FailureType } from '../../src/domain/failure-type.js';
import { isFinalStatus, PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { isWithinLimit } from '../../src/domain/resend-limits.js';
import { recordAccepted } from './accepted-object.js';
import type { ActivityDependencies } from '../dependencies.js';
import { RetryLaterError } from '../retry-later.js';
import { providerRequestIdOf, isNothing, scanFor } from '../provider/provider-scan.js';
import { putOnHold, readState, type PayoutState } from '../payout-state.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';

export interface ResolveOutcomeInput {
  readonly payoutId: string;
  /** How long after it was sent a request is still looked for. */
  readonly unknownOutcomeWaitSeconds: number;
  /** How many readings without it, at least. */
  readonly absenceChecks: number;
  readonly pollIntervalMs: number;
  /**
   * A person decides already, for this reason: it is looked for all the same, and only its being found, or what the
   * store learnt otherwise, changes anything. @default the payout is not held
   */
  readonly heldAs?: FailureType | null;
}

/**
 * Looks for a request whose outcome is not known, until it is found or believed never to have arrived: after the
 * unknown-outcome wait, by several readings of all of the provider's list. `externalOrderId` alone is identity.
 */
export function createResolveOutcome(deps: ActivityDependencies) {
  return async function resolveOutcome(input: ResolveOutcomeInput): Promise<PayoutState> {
    const result = await lookOnce(deps, input);
    // The workflow would come back with the same question at once, again and again.
    if (isNoNews(result, input)) throw aPersonDecides(input);
    return result;
  };
}

/** On hold, for the reason that the workflow knows. */
function isNoNews(result: PayoutState, { heldAs }: ResolveOutcomeInput): boolean {
  if (heldAs === undefined) return false;
  const { status, holdReason, providerPayoutId } = result;
  return status === PAYOUT_STATUS.HELD && holdReason === heldAs && providerPayoutId === null;
}

async function lookOnce(deps: ActivityDependencies, input: ResolveOutcomeInput): Promise<PayoutState> {
  const { store } = deps;
  const { payoutId, pollIntervalMs, heldAs } = input;
  const isHeld = heldAs !== undefined;
  const payout = await store.payouts.getPayout(payoutId);
  // A workflow that was reset may ask about a request of a payout that has ended since.
  if (isFinalStatus(payout.status)) return readState(store, payoutId);
  if (isHeld && (await isElsewhere(store, payout, heldAs))) return readState(store, payoutId);
  if (isHeld && payout.holdReason !== FAILURE_TYPE.UNKNOWN_OUTCOME) throw aPersonDecides(input);
  const id = providerRequestIdOf(payout);
  // Before the search: only what is read after the wait for an unknown outcome counts.
  const providerRequest = await store.requests.get(id);
  if (providerRequest.state !== REQUEST_STATE.UNKNOWN) {
    // Its sender came back: a payout that was held for it goes on from what it wrote.
    if (isHeld) await store.payouts.releaseKnown(payoutId, id);
    return readState(store, payoutId);
  }
  // On hold nothing is sent, whoever allowed it before.
  if (providerRequest.mayBeResent && !isHeld) return readState(store, payoutId);
  const result = await search(deps, payout, { id, providerRequest, input });
  if (result !== undefined) return result;
  throw new RetryLaterError('the request is not at QbitPay', {
    afterMs: pollIntervalMs,
    ...(isHeld ? {} : { waitsFor: FAILURE_TYPE.OUTCOME_LOOKED_UP }),
  });
}

function aPersonDecides({ pollIntervalMs }: ResolveOutcomeInput): RetryLaterError {
  return new RetryLaterError('a person decides', { afterMs: pollIntervalMs });
}

/** The store has learnt something since: whoever waits for a person goes on from that. */
async function isElsewhere(
  store: Store,
  { payoutId, status, holdReason }: PayoutRecord,
  heldAs: FailureType | null,
): Promise<boolean> {
  if (status !== PAYOUT_STATUS.HELD || holdReason !== heldAs) return true;
  return (await readState(store, payoutId)).providerPayoutId !== null;
}

interface Search {
  readonly id: ProviderRequestId;
  readonly providerRequest: ProviderRequest;
  readonly input: ResolveOutcomeInput;
}

async function search(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  { id, providerRequest, input }: Search,
): Promise<PayoutState | undefined> {
  const { store } = deps;
  const { payoutId } = payout;
  const events = await store.webhooks.pendingWebhooksOf({ payoutId });
  const scan = await scanFor(deps, payout);
  const [first, ...others] = scan.found;
  if (others.length > 0) {
    const ids = scan.found.map((one) => one.id).join(', ');
    return putOnHold(store, payoutId, {
      reason: FAILURE_TYPE.DUPLICATE_AT_PROVIDER,
      detail: `QbitPay has ${ids}`,
      about: { id, states: [REQUEST_STATE.UNKNOWN] },
    });
  }
  if (first !== undefined) {
    log.info('an unanswered request was found', { payoutId, operation: id.operation, providerId: first.id });
    return recordAccepted(deps, payout, { id, answer: first, asked: providerRequest.asked });
  }
  if (input.heldAs === undefined) {
    return scan.isComplete
      ? concludeAbsent(deps, payoutId, { id, providerRequest, input }, scan.isNamed)
      : undefined;
  }
  if (!isNothing(scan)) return undefined;
  // What they announce is not there: they stay for whoever decides.
  for (const { webhookEventId } of events)
    await store.webhooks.keepWebhook(webhookEventId, 'the payout is held, and QbitPay does not show it');
  return undefined;
}

/** Undefined while it is too early to believe it. */
async function concludeAbsent(
  { store, settings }: ActivityDependencies,
  payoutId: string,
  { id, providerRequest, input }: Search,
  isNamed: boolean,
): Promise<PayoutState | undefined> {
  const { sends, asked, resends, sentAgoMs } = providerRequest;
  if ((sentAgoMs ?? 0) < input.unknownOutcomeWaitSeconds * 1_000) return undefined;
  const { unknownOutcomeWaitSeconds, absenceChecks } = input;
  const scans = await store.requests.noteAbsenceCheck(id, { sends, unknownOutcomeWaitSeconds });
  if (scans < absenceChecks) return undefined;
  // A second time a person decides: what keeps it from arriving is not a passing fault.
  const mayResend = isNamed && asked !== null && resends === 0 && isWithinLimit(asked, settings.resendLimits);
  if (!mayResend) {
    return putOnHold(store, payoutId, {
      reason: FAILURE_TYPE.UNKNOWN_OUTCOME,
      detail: `${id.operation} ${id.externalOrderId} was not found at QbitPay in ${scans} readings`,
      about: { id, states: [REQUEST_STATE.UNKNOWN], sends },
    });
  }
  // Whoever sent it holds this as long as he can: what he may still do comes before anything else.
  const granted = await store.requests.whileSending(id, () =>
    store.requests.authoriseResend(id, sends, 'engine', absenceChecks),
  );
  if (granted === true) return readState(store, payoutId);
  if (granted === undefined) await store.requests.withdrawResend(id);
  return undefined;
}
