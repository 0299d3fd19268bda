import {
  isGrpcServiceError,
  ServiceError,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
} from '@temporalio/client';
import {
  ApplicationFailure,
  defineSearchAttributeKey,
  SearchAttributeType,
  type SearchAttributePair,
} from '@temporalio/common';
import type { payoutWorkflow } from '../../workflows/index.js';
import {
  CANCEL_REFUSED,
  cancelPayout,
  holdPayout,
  openPayout,
  OPERATION_REFUSED,
  PAYOUT_WORKFLOW_TYPE,
  resolvePayout,
  resumePayout,
  retryPayout,
  type Cancellation,
  type OperatorDecision,
} from '../../workflows/payout/payout-messages.js';
import { amountCurrency } from '../domain/currency-pair.js';
import type { Destination } from '../domain/destination.js';
import { FAILURE_KIND, failureTypesOfKind } from '../domain/failure-type.js';
import { payoutIdOfWorkflow, payoutWorkflowId } from '../domain/identifiers.js';
import type { PayoutRequest } from '../domain/payout-request.js';
import type { PayoutStatus } from '../domain/payout-status.js';
import type { SearchAttributeName } from '../domain/search-attributes.js';
import { callTemporal } from './connection.js';
import { TemporalUnavailableError } from './temporal-unavailable-error.js';

/** Every function throws a TemporalUnavailableError when it is not known whether the call took effect. */
export type PayoutGateway = ReturnType<typeof createPayoutGateway>;

export interface PayoutGatewayOptions {
  readonly client: Client;
  readonly taskQueue: string;
}

/** What is shown of a payout from the first moment of its workflow on; the rest it reads in the store. */
export interface StartedPayout extends Pick<
  PayoutRequest,
  'payoutId' | 'amount' | 'currency' | 'amountMode' | 'fundingCurrency'
> {
  readonly status: PayoutStatus;
}

/** What a person decided about a payout; the reason is written in its timeline. */
export type DecisionContent = { readonly reason: string } & (
  | { readonly operation: 'hold' }
  | { readonly operation: 'resume'; readonly acceptPrice?: string | undefined }
  | {
      readonly operation: 'resolve';
      readonly action: 'adopt' | 'disown' | 'resend' | 'close' | 'paid';
      /** Of what is adopted or disowned. */
      readonly providerPayoutId?: string | undefined;
    }
  | { readonly operation: 'retry'; readonly destination?: Destination | undefined }
);

export type PayoutDecision = DecisionContent & Pick<OperatorDecision, 'actor' | 'seen' | 'operationId'>;

export type DecisionOutcome =
  | { readonly kind: 'done' }
  /** It makes no sense for this payout now; the message says why. */
  | { readonly kind: 'refused'; readonly message: string }
  /** What is decided about could not be read at the provider; nothing was changed. */
  | { readonly kind: 'unreadable'; readonly message: string }
  /** The workflow ended with the payout at this moment; the store knows the rest. */
  | { readonly kind: 'notRunning' };

/** How long a caller is kept waiting for the payout to be open, or for Temporal to answer at all. */
const OPEN_TIMEOUT_MS = 3_000;
const READ_TIMEOUT_MS = 3_000;
const START_TIMEOUT_MS = 5_000;
const LIST_TIMEOUT_MS = 15_000;
/** What a person decides may have to wait for QbitPay, to read what it is about. */
const DECISION_TIMEOUT_MS = 15_000;

/**
 * What can be asked of payout workflows from outside; the API's only way to Temporal. Where no workflow runs for the
 * payout, one is started that goes on from the store.
 */
export function createPayoutGateway(options: PayoutGatewayOptions) {
  const { client, taskQueue } = options;
  return {
    /** Waits up to 3 s for the payout to be open; the store says whether it is. */
    open: (payout: StartedPayout): Promise<void> => openPayoutWorkflow(options, payout),
    cancel: (payout: StartedPayout, actor: string, reason?: string): Promise<DecisionOutcome> =>
      carryOut(options, payout, cancelPayout.name, { actor, reason }),
    /** Carries out what a person decided. */
    decide: (payout: StartedPayout, decision: PayoutDecision): Promise<DecisionOutcome> =>
      sendDecision(options, payout, decision),
    /** Starts the workflow of a payout; false where one runs. */
    start: async (payout: StartedPayout): Promise<boolean> => {
      const start = { ...toStartOptions(payout), taskQueue, workflowIdConflictPolicy: 'FAIL' } as const;
      try {
        await callTemporal(client, START_TIMEOUT_MS, () =>
          client.workflow.start<typeof payoutWorkflow>(PAYOUT_WORKFLOW_TYPE, start),
        );
        return true;
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
        throw error;
      }
    },
    /** The status that each running workflow of these payouts shows. */
    readShown: (payoutIds: readonly string[]) => readShownStatuses(client, payoutIds),
    /** Tells a workflow that something stands in the store that it has not seen. */
    signal: async (hint: { readonly payoutId: string; readonly signal: string }): Promise<SignalAnswer> => {
      try {
        await callTemporal(client, START_TIMEOUT_MS, () =>
          client.workflow.getHandle(payoutWorkflowId(hint.payoutId)).signal(hint.signal),
        );
        return 'taken';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'notRunning';
        if (isSignalLimit(error)) return 'limitReached';
        throw error;
      }
    },
    /** Rejects when Temporal cannot be reached. */
    ping: async (): Promise<void> => {
      const { namespace } = client.options;
      await callTemporal(client, READ_TIMEOUT_MS, () =>
        client.workflowService.describeNamespace({ namespace }),
      );
    },
  };
}

/** `limitReached`: the workflow runs, and Temporal gives it no more signals (10,000, unless its server says otherwise). */
export type SignalAnswer = 'taken' | 'notRunning' | 'limitReached';

/** The server has no code of its own for it. */
function isSignalLimit(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : undefined;
  return isGrpcServiceError(cause) && cause.details.includes('limit for signal events');
}

async function readShownStatuses(client: Client, payoutIds: readonly string[]) {
  const ids = payoutIds.map((payoutId) => `'${payoutWorkflowId(payoutId)}'`).join(', ');
  const query = `ExecutionStatus = 'Running' AND WorkflowId IN (${ids})`;
  const shown = new Map<string, string | undefined>();
  await callTemporal(client, LIST_TIMEOUT_MS, async () => {
    for await (const { workflowId, typedSearchAttributes } of client.workflow.list({ query })) {
      shown.set(payoutIdOfWorkflow(workflowId) ?? '', typedSearchAttributes.get(STATUS));
    }
  });
  return shown;
}

async function openPayoutWorkflow(options: PayoutGatewayOptions, payout: StartedPayout): Promise<void> {
  try {
    // One for all callers: to repeat the request adds nothing to the history.
    const update = { update: openPayout.name, args: [], updateId: 'open', timeoutMs: OPEN_TIMEOUT_MS };
    await updateWithStart(options, payout, update);
  } catch (error) {
    // The run that was met has ended meanwhile: the supervisor starts another one.
    if (!(error instanceof WorkflowUpdateFailedError || error instanceof WorkflowNotFoundError)) throw error;
  }
}

interface UpdateRequest {
  readonly update: string;
  readonly args: unknown[];
  /** @default a new one */
  readonly updateId?: string;
  readonly timeoutMs: number;
}

async function updateWithStart(
  { client, taskQueue }: PayoutGatewayOptions,
  payout: StartedPayout,
  { update, timeoutMs, ...sent }: UpdateRequest,
): Promise<void> {
  const start = new WithStartWorkflowOperation<typeof payoutWorkflow>(PAYOUT_WORKFLOW_TYPE, {
    ...toStartOptions(payout),
    taskQueue,
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  // Also reported by the call below; unhandled here it would end the process.
  start.workflowHandle().catch(() => undefined);
  await callTemporal(client, timeoutMs, () =>
    client.workflow.executeUpdateWithStart(update, { ...sent, startWorkflowOperation: start }),
  );
}

function toStartOptions(payout: StartedPayout) {
  const { amount, currency, amountMode, fundingCurrency } = payout;
  // As the workflow itself would write them: given at the start they cost no event of the history.
  const typedSearchAttributes: SearchAttributePair[] = [
    { key: STATUS, value: payout.status },
    { key: keywordKey('PayoutCurrency'), value: currency },
    { key: keywordKey('FundingCurrency'), value: fundingCurrency },
    { key: AMOUNT, value: Number(amount) },
  ];
  return {
    workflowId: payoutWorkflowId(payout.payoutId),
    args: [] as [],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    typedSearchAttributes,
    staticSummary: `${amountMode} ${amount} ${amountCurrency(payout)}: ${fundingCurrency} to ${currency}`,
  } as const;
}

const keywordKey = (name: SearchAttributeName) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
const STATUS = keywordKey('PayoutStatus');
const AMOUNT = defineSearchAttributeKey(
  'PayoutAmount' satisfies SearchAttributeName,
  SearchAttributeType.DOUBLE,
);

const UPDATES = { hold: holdPayout, resume: resumePayout, resolve: resolvePayout, retry: retryPayout };

/** The update of an operation takes what was decided as it is; its validator says what is wrong with it. */
function sendDecision(
  options: PayoutGatewayOptions,
  payout: StartedPayout,
  { operation, ...decision }: PayoutDecision,
): Promise<DecisionOutcome> {
  return carryOut(options, payout, UPDATES[operation].name, decision);
}

/** Failure types of updates whose subject could not be read at the provider. */
const UNREADABLE = failureTypesOfKind(FAILURE_KIND.WAITING);

async function carryOut(
  options: PayoutGatewayOptions,
  payout: StartedPayout,
  update: string,
  decided: Cancellation | OperatorDecision,
): Promise<DecisionOutcome> {
  try {
    await updateWithStart(options, payout, { update, args: [decided], timeoutMs: DECISION_TIMEOUT_MS });
    return { kind: 'done' };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: 'notRunning' };
    if (isFailedUpdate(error, [CANCEL_REFUSED, OPERATION_REFUSED])) {
      return { kind: 'refused', message: error.cause.message };
    }
    if (isFailedUpdate(error, UNREADABLE)) return { kind: 'unreadable', message: error.cause.message };
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    throw new TemporalUnavailableError('the run ended before it answered', { cause: error });
  }
}

function isFailedUpdate(
  error: unknown,
  types: readonly string[],
): error is WorkflowUpdateFailedError & { readonly cause: ApplicationFailure } {
  return (
    error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    types.includes(error.cause.type ?? '')
  );
}
