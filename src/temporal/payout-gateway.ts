import {
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
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
  REQUEST_CONFLICT,
  resolvePayout,
  resumePayout,
  retryPayout,
  type OperationResult,
  type OperatorDecision,
  type PayoutWorkflowInput,
} from '../../workflows/payout/payout-messages.js';
import { amountCurrency } from '../domain/currency-pair.js';
import type { Destination } from '../domain/destination.js';
import { FAILURE_KIND, failureTypesOfKind, isFailureType, type FailureType } from '../domain/failure-type.js';
import { payoutWorkflowId } from '../domain/identifiers.js';
import type { PayoutRequest } from '../domain/payout-request.js';
import { PAYOUT_STATUS } from '../domain/payout-status.js';
import type { PayoutPolicy } from '../domain/policy.js';
import type { SearchAttributeName } from '../domain/search-attributes.js';
import { callTemporal } from './connection.js';
import { TemporalUnavailableError } from './temporal-unavailable-error.js';

/** Every function throws a TemporalUnavailableError when it is not known whether the call took effect. */
export type PayoutGateway = ReturnType<typeof createPayoutGateway>;

export interface PayoutGatewayOptions {
  readonly client: Client;
  readonly taskQueue: string;
  readonly policy: PayoutPolicy;
}

/** The store shows the `openRequestId` of the call that really started the payout. */
export type PayoutOpening = Required<Omit<PayoutWorkflowInput, 'policy'>>;

export type OpenOutcome =
  /** The workflow answered; the store has the payout (also when it was rejected). */
  | 'opened'
  /** Started and not open yet: no worker, or the provider does not answer. */
  | 'opening'
  /** The id belongs to a payout with other content. */
  | 'conflict'
  /** A workflow with this id has ended. The store says how. */
  | 'ended';

/** What is known of a payout before it is in the store: from the workflow's memo and search attributes. */
export interface OpeningPayout {
  readonly amount: string | undefined;
  readonly currency: string | undefined;
  readonly amountMode: string | undefined;
  readonly holdReason: FailureType | undefined;
  readonly startedAt: Date;
}

/** What a person decided about a payout; the reason is written in its timeline. */
export type DecisionContent = { readonly reason: string } & (
  | { readonly operation: 'hold' | 'resume' }
  | {
      readonly operation: 'resolve';
      readonly action: 'adopt' | 'resend' | 'close';
      /** Of what is adopted. */
      readonly providerPayoutId?: string | undefined;
    }
  | { readonly operation: 'retry'; readonly destination?: Destination | undefined }
);

export type PayoutDecision = DecisionContent &
  Pick<OperatorDecision, 'actor' | 'seen'> & {
    /** Of its caller: the same one again changes nothing. @default a new one */
    readonly idempotencyKey?: string | undefined;
  };

export type DecisionOutcome =
  | { readonly kind: 'done' }
  /** It makes no sense for this payout now; the message says why. */
  | { readonly kind: 'refused'; readonly message: string }
  /** What is decided about could not be read at the provider; nothing was changed. */
  | { readonly kind: 'unreadable'; readonly message: string }
  /** No workflow runs under this id; the store knows the rest. */
  | { readonly kind: 'notRunning' };

/** How long a caller is kept waiting for the payout to be open. */
const OPEN_TIMEOUT_MS = 10_000;
const READ_TIMEOUT_MS = 3_000;
/** What a person decides may have to wait for QbitPay, to read what it is about. */
const DECISION_TIMEOUT_MS = 15_000;

/** What can be asked of payout workflows from outside; the API's only way to Temporal. */
export function createPayoutGateway(options: PayoutGatewayOptions) {
  const { client } = options;
  const handleOf = (payoutId: string) => client.workflow.getHandle(payoutWorkflowId(payoutId));
  return {
    /** Starts the payout workflow, or finds the one that runs, and waits up to 10 s for it to be open. */
    open: (opening: PayoutOpening): Promise<OpenOutcome> => openPayoutWorkflow(options, opening),
    /** The running workflow of a payout that the store does not know yet. */
    findOpening: async (payoutId: string): Promise<OpeningPayout | undefined> => {
      const description = await describePayout(client, payoutId);
      return description?.status.name === 'RUNNING' ? toOpeningPayout(description) : undefined;
    },
    cancel: (payoutId: string, actor: string, reason?: string): Promise<DecisionOutcome> =>
      carryOut(client, () => handleOf(payoutId).executeUpdate(cancelPayout, { args: [{ actor, reason }] })),
    /** Carries out what a person decided. */
    decide: (payoutId: string, decision: PayoutDecision): Promise<DecisionOutcome> =>
      carryOut(client, () => sendDecision(handleOf(payoutId), decision)),
    /** Rejects when Temporal cannot be reached. */
    ping: async (): Promise<void> => {
      const { namespace } = client.options;
      await callTemporal(client, READ_TIMEOUT_MS, () =>
        client.workflowService.describeNamespace({ namespace }),
      );
    },
  };
}

async function openPayoutWorkflow(
  options: PayoutGatewayOptions,
  opening: PayoutOpening,
): Promise<OpenOutcome> {
  const { client } = options;
  const start = toStartOperation(options, opening);
  // Also reported by the call below; unhandled here it would end the process.
  start.workflowHandle().catch(() => undefined);
  try {
    await callTemporal(client, OPEN_TIMEOUT_MS, () =>
      client.workflow.executeUpdateWithStart(openPayout, {
        args: [{ requestHash: opening.requestHash }],
        updateId: `open:${opening.requestHash}`,
        startWorkflowOperation: start,
      }),
    );
    return 'opened';
  } catch (error) {
    if (isFailedUpdate(error, [REQUEST_CONFLICT])) return 'conflict';
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'ended';
    const isUndecided =
      error instanceof TemporalUnavailableError || error instanceof WorkflowUpdateFailedError;
    if (!isUndecided) throw error;
    return findStarted(client, opening, error);
  }
}

function toStartOperation({ taskQueue, policy }: PayoutGatewayOptions, opening: PayoutOpening) {
  const { request, requestHash, maker, openRequestId } = opening;
  const { amount, currency, amountMode, fundingCurrency } = request;
  return new WithStartWorkflowOperation<typeof payoutWorkflow>(PAYOUT_WORKFLOW_TYPE, {
    workflowId: payoutWorkflowId(request.payoutId),
    taskQueue,
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [{ request, requestHash, openRequestId, maker, policy }],
    memo: { requestHash, amount, currency, amountMode },
    typedSearchAttributes: firstSearchAttributes(request),
    staticSummary: `${amountMode} ${amount} ${amountCurrency(request)}: ${fundingCurrency} to ${currency}`,
  });
}

const keywordKey = (name: SearchAttributeName) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
const HOLD_REASON = keywordKey('PayoutHoldReason');
const AMOUNT = defineSearchAttributeKey(
  'PayoutAmount' satisfies SearchAttributeName,
  SearchAttributeType.DOUBLE,
);

/** As the workflow itself would write them: given at the start they cost no event of the history. */
function firstSearchAttributes(request: PayoutRequest): SearchAttributePair[] {
  return [
    { key: keywordKey('PayoutStatus'), value: PAYOUT_STATUS.OPENING },
    { key: keywordKey('PayoutCurrency'), value: request.currency },
    { key: keywordKey('FundingCurrency'), value: request.fundingCurrency },
    { key: AMOUNT, value: Number(request.amount) },
  ];
}

/** No answer in time: was the workflow started? Only then may the caller be told that it is opening. */
async function findStarted(client: Client, opening: PayoutOpening, cause: unknown): Promise<OpenOutcome> {
  const description = await describePayout(client, opening.request.payoutId);
  if (description === undefined) {
    throw new TemporalUnavailableError('Temporal did not start the payout in time', { cause });
  }
  if (description.status.name !== 'RUNNING') return 'ended';
  const { requestHash } = description.memo ?? {};
  return requestHash === undefined || requestHash === opening.requestHash ? 'opening' : 'conflict';
}

async function describePayout(client: Client, payoutId: string) {
  try {
    return await callTemporal(client, READ_TIMEOUT_MS, () =>
      client.workflow.getHandle(payoutWorkflowId(payoutId)).describe(),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

function toOpeningPayout({
  memo = {},
  typedSearchAttributes,
  startTime,
}: WorkflowExecutionDescription): OpeningPayout {
  const holdReason = typedSearchAttributes.get(HOLD_REASON);
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  return {
    amount: text(memo['amount']),
    currency: text(memo['currency']),
    amountMode: text(memo['amountMode']),
    holdReason: holdReason !== undefined && isFailureType(holdReason) ? holdReason : undefined,
    startedAt: startTime,
  };
}

const UPDATES = { hold: holdPayout, resume: resumePayout, resolve: resolvePayout, retry: retryPayout };

/** The update of an operation takes what was decided as it is; its validator says what is wrong with it. */
function sendDecision(
  handle: WorkflowHandle,
  { operation, idempotencyKey: key, ...content }: PayoutDecision,
): Promise<OperationResult> {
  const what = 'action' in content ? content.action : operation;
  // Not the id of the update: under that, Temporal would answer a first refusal for ever.
  const decision: OperatorDecision = { ...content, operationId: key && `${what}:${key}` };
  return handle.executeUpdate<OperationResult, [OperatorDecision]>(UPDATES[operation].name, {
    args: [decision],
  });
}

/** Failure types of updates whose subject could not be read at the provider. */
const UNREADABLE = failureTypesOfKind(FAILURE_KIND.WAITING);

async function carryOut(client: Client, send: () => Promise<unknown>): Promise<DecisionOutcome> {
  try {
    await callTemporal(client, DECISION_TIMEOUT_MS, send);
    return { kind: 'done' };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: 'notRunning' };
    if (isFailedUpdate(error, [CANCEL_REFUSED, OPERATION_REFUSED])) {
      return { kind: 'refused', message: error.cause.message };
    }
    if (isFailedUpdate(error, UNREADABLE)) return { kind: 'unreadable', message: error.cause.message };
    throw error;
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
