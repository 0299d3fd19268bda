import {
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
} from '@temporalio/client';
import { ApplicationFailure, type SearchAttributePair } from '@temporalio/common';
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
  type Cancellation,
  type Resolution,
} from '../../workflows/payout-messages.js';
import { amountCurrency } from '../domain/currency-pair.js';
import { FAILURE_KIND, failureTypesOfKind, isFailureType } from '../domain/failure-type.js';
import { payoutWorkflowId } from '../domain/identifiers.js';
import type { PayoutRequest } from '../domain/payout-request.js';
import { PAYOUT_STATUS } from '../domain/payout-status.js';
import type { PayoutPolicy } from '../domain/policy.js';
import type { SearchAttributeName } from '../domain/search-attributes.js';
import {
  TemporalUnavailableError,
  type CancelOutcome,
  type OpeningPayout,
  type OpenOutcome,
  type OperateOutcome,
  type PayoutGateway,
  type PayoutOpening,
  type PayoutOperation,
} from './payout-gateway.js';
import { isUnavailable, orUnavailable } from './unavailable.js';

export interface PayoutGatewayOptions {
  readonly client: Client;
  readonly taskQueue: string;
  readonly policy: PayoutPolicy;
}

/** How long a caller is kept waiting for the payout to be open. */
const OPEN_TIMEOUT_MS = 10_000;
const READ_TIMEOUT_MS = 3_000;

export function createPayoutGateway(options: PayoutGatewayOptions): PayoutGateway {
  const { client } = options;
  const within = <T>(timeoutMs: number, call: () => Promise<T>): Promise<T> =>
    client.withDeadline(Date.now() + timeoutMs, call);
  return {
    open: (opening) => open(options, within, opening),
    findOpening: (payoutId) => findOpening(client, within, payoutId),
    cancel: (payoutId, actor, reason) =>
      cancel(client, within, payoutId, reason === undefined ? { actor } : { actor, reason }),
    operate: (payoutId, operation) => operate(client, within, payoutId, operation),
    ping: async () => {
      await orUnavailable(() =>
        within(READ_TIMEOUT_MS, () =>
          client.workflowService.describeNamespace({ namespace: client.options.namespace }),
        ),
      );
    },
  };
}

type Within = <T>(timeoutMs: number, call: () => Promise<T>) => Promise<T>;

async function open(
  options: PayoutGatewayOptions,
  within: Within,
  opening: PayoutOpening,
): Promise<OpenOutcome> {
  const start = describeStart(options, opening);
  // Also reported by the call below; unhandled here it would end the process.
  start.workflowHandle().catch(() => undefined);
  try {
    await within(OPEN_TIMEOUT_MS, () =>
      options.client.workflow.executeUpdateWithStart(openPayout, {
        args: [{ requestHash: opening.requestHash }],
        updateId: `open:${opening.requestHash}`,
        startWorkflowOperation: start,
      }),
    );
    return { kind: 'opened' };
  } catch (error) {
    if (isRefusedAs(error, REQUEST_CONFLICT)) return { kind: 'conflict' };
    if (error instanceof WorkflowExecutionAlreadyStartedError) return { kind: 'ended' };
    if (!isUnavailable(error) && !(error instanceof WorkflowUpdateFailedError)) throw error;
    return findStarted(options.client, within, opening, error);
  }
}

function describeStart({ taskQueue, policy }: PayoutGatewayOptions, opening: PayoutOpening) {
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

/** As the workflow itself would write them: given at the start they cost no event of the history. */
function firstSearchAttributes(request: PayoutRequest): SearchAttributePair[] {
  const keyword = (name: SearchAttributeName, value: string): SearchAttributePair => ({
    key: { name, type: 'KEYWORD' },
    value,
  });
  return [
    keyword('PayoutStatus', PAYOUT_STATUS.OPENING),
    keyword('PayoutCurrency', request.currency),
    keyword('FundingCurrency', request.fundingCurrency),
    { key: { name: 'PayoutAmount', type: 'DOUBLE' }, value: Number(request.amount) },
  ];
}

/** No answer in time: was the workflow started? Only then may the caller be told that it is opening. */
async function findStarted(
  client: Client,
  within: Within,
  opening: PayoutOpening,
  cause: unknown,
): Promise<OpenOutcome> {
  const description = await describe(client, within, opening.request.payoutId);
  if (description === undefined) {
    throw new TemporalUnavailableError('Temporal did not start the payout in time', { cause });
  }
  if (description.status.name !== 'RUNNING') return { kind: 'ended' };
  const { requestHash } = description.memo ?? {};
  return requestHash === undefined || requestHash === opening.requestHash
    ? { kind: 'opening' }
    : { kind: 'conflict' };
}

async function describe(
  client: Client,
  within: Within,
  payoutId: string,
): Promise<WorkflowExecutionDescription | undefined> {
  return orUnavailable(async () => {
    try {
      return await within(READ_TIMEOUT_MS, () =>
        client.workflow.getHandle(payoutWorkflowId(payoutId)).describe(),
      );
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  });
}

async function findOpening(
  client: Client,
  within: Within,
  payoutId: string,
): Promise<OpeningPayout | undefined> {
  const description = await describe(client, within, payoutId);
  if (description?.status.name !== 'RUNNING') return undefined;
  const memo = description.memo ?? {};
  const holdReason = description.typedSearchAttributes.get({ name: 'PayoutHoldReason', type: 'KEYWORD' });
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  return {
    payoutId,
    requestHash: text(memo['requestHash']),
    amount: text(memo['amount']),
    currency: text(memo['currency']),
    amountMode: text(memo['amountMode']),
    holdReason: holdReason !== undefined && isFailureType(holdReason) ? holdReason : undefined,
    startedAt: description.startTime,
  };
}

async function cancel(
  client: Client,
  within: Within,
  payoutId: string,
  cancellation: Cancellation,
): Promise<CancelOutcome> {
  try {
    const handle = client.workflow.getHandle(payoutWorkflowId(payoutId));
    await orUnavailable(() =>
      within(OPERATE_TIMEOUT_MS, () => handle.executeUpdate(cancelPayout, { args: [cancellation] })),
    );
    return { kind: 'cancelled' };
  } catch (error) {
    if (isRefusedAs(error, CANCEL_REFUSED)) return { kind: 'refused', message: refusalOf(error) };
    if (isUnreadable(error)) return { kind: 'unreadable', message: refusalOf(error) };
    if (error instanceof WorkflowNotFoundError) return { kind: 'notRunning' };
    throw error;
  }
}

/** What a person decides may have to wait for QbitPay, to read what it is about. */
const OPERATE_TIMEOUT_MS = 15_000;

async function operate(
  client: Client,
  within: Within,
  payoutId: string,
  operation: PayoutOperation,
): Promise<OperateOutcome> {
  try {
    await orUnavailable(() =>
      within(OPERATE_TIMEOUT_MS, () =>
        sendOperation(client.workflow.getHandle(payoutWorkflowId(payoutId)), operation),
      ),
    );
    return { kind: 'done' };
  } catch (error) {
    if (isRefusedAs(error, OPERATION_REFUSED)) return { kind: 'refused', message: refusalOf(error) };
    if (isUnreadable(error)) return { kind: 'unreadable', message: refusalOf(error) };
    if (error instanceof WorkflowNotFoundError) return { kind: 'notRunning' };
    throw error;
  }
}

async function sendOperation(handle: WorkflowHandle, operation: PayoutOperation): Promise<unknown> {
  const { actor, reason, seen, idempotencyKey: key } = operation;
  const what = operation.operation === 'resolve' ? operation.action : operation.operation;
  const decision = {
    actor,
    reason,
    ...(seen === undefined ? {} : { seen }),
    // Not the id of the update: under that, Temporal would answer a first refusal for ever.
    ...(key === undefined ? {} : { operationId: `${what}:${key}` }),
  };
  switch (operation.operation) {
    case 'hold':
      return handle.executeUpdate(holdPayout, { args: [decision] });
    case 'resume':
      return handle.executeUpdate(resumePayout, { args: [decision] });
    case 'resolve':
      return handle.executeUpdate(resolvePayout, {
        args: [{ ...decision, ...toResolution(operation) }],
      });
    case 'retry': {
      const { destination } = operation;
      return handle.executeUpdate(retryPayout, {
        args: [destination === undefined ? decision : { ...decision, destination }],
      });
    }
  }
}

function toResolution({
  action,
  providerPayoutId = '',
}: Extract<PayoutOperation, { operation: 'resolve' }>): Resolution {
  return action === 'adopt' ? { action, providerPayoutId } : { action };
}

function isRefusedAs(error: unknown, type: string): error is WorkflowUpdateFailedError {
  return (
    error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === type
  );
}

/** What is decided about could not be read at the provider. */
function isUnreadable(error: unknown): error is WorkflowUpdateFailedError {
  return failureTypesOfKind(FAILURE_KIND.WAITING).some((type) => isRefusedAs(error, type));
}

function refusalOf(error: WorkflowUpdateFailedError): string {
  return error.cause instanceof Error ? error.cause.message : 'refused';
}
