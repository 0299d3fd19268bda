/**
 * One id, chosen by the caller, runs through everything: the API path, the workflow id, the provider's
 * `externalOrderId` and every log line are made from the payout id here and nowhere else.
 */

/** 1 to 64 letters, digits and `. _ -`; "." and ".." would change the meaning of a URL path. */
export const PAYOUT_ID_PATTERN = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/;

export const PAYOUT_ID_RULE = 'must be 1 to 64 letters, digits, ".", "_" or "-", and not "." or ".."';

/** What the provider calls its objects: never a "." or "..", as that would change the meaning of a URL path. */
export const PROVIDER_ID_PATTERN = /^(?!\.{1,2}$)[\x21-\x7e]{1,200}$/;

// `~` is outside the alphabet of payout ids, so that a suffix can never be taken for a part of one.
const SUFFIX_SEPARATOR = '~';

/** Whose a payout is where nobody says so. */
export const DEFAULT_OWNER = 'default';

/** Of API keys and of owners. */
export const NAME_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;

export const NAME_RULE = 'must be 1 to 64 letters, digits, ".", "_" or "-"';

const PAYOUT_WORKFLOW_PREFIX = 'payout/';

export function payoutWorkflowId(payoutId: string): string {
  return `${PAYOUT_WORKFLOW_PREFIX}${payoutId}`;
}

/** Undefined for the id of another workflow, or of one that could not be any payout's. */
export function payoutIdOfWorkflow(workflowId: string): string | undefined {
  const payoutId = workflowId.slice(PAYOUT_WORKFLOW_PREFIX.length);
  const isOne = workflowId === payoutWorkflowId(payoutId) && PAYOUT_ID_PATTERN.test(payoutId);
  return isOne ? payoutId : undefined;
}

/** By which a deposit is known of which nobody has said the provider's id. */
export function depositKeyOfTransaction(txHash: string): string {
  return `tx:${txHash}`;
}

/** The `externalOrderId` of a payout's order; only the first one carries no suffix. */
export function orderExternalId(payoutId: string, orderNumber: number): string {
  return orderNumber === 1 ? payoutId : `${payoutId}${SUFFIX_SEPARATOR}o${orderNumber}`;
}

/** The `externalOrderId` of a payout attempt; only the first one carries no suffix. */
export function payoutExternalId(payoutId: string, attempt: number): string {
  return attempt === 1 ? payoutId : `${payoutId}${SUFFIX_SEPARATOR}${attempt}`;
}

/** The number of the attempt that {@link payoutExternalId} named so. */
export function payoutAttemptOf(externalOrderId: string): number {
  return Number(externalOrderId.split(SUFFIX_SEPARATOR)[1] ?? 1);
}

/** Whose payout an `externalOrderId` of the provider names; undefined when it cannot be one of ours. */
export function payoutIdOfExternalId(externalOrderId: string): string | undefined {
  const [payoutId = ''] = externalOrderId.split(SUFFIX_SEPARATOR);
  return PAYOUT_ID_PATTERN.test(payoutId) ? payoutId : undefined;
}

/** Letters and digits, with the `0x` some chains put in front: what transaction hashes of all chains fit. */
export const TRANSACTION_HASH_PATTERN = /^[A-Za-z0-9]{16,128}$/;

const HEXADECIMAL_HASH = /^(?:0x)?([0-9a-f]{64})$/i;

/** One spelling for hexadecimal hashes; others (base58 is case-sensitive) stay as they are. */
export function normaliseTransactionHash(txHash: string): string {
  return HEXADECIMAL_HASH.exec(txHash)?.[1]?.toLowerCase() ?? txHash;
}

/** The task queue of the reader of QbitPay, beside that of the payouts. */
export function providerSyncQueue(taskQueue: string): string {
  return `${taskQueue}-sync`;
}
