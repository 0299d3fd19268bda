import type { ProviderRequestId, SentAmount } from '../../src/store/requests/send-guard.js';
import { REQUEST_OPERATION } from '../../src/store/schema.js';
import { orderExternalId, payoutExternalId } from '../../src/domain/identifiers.js';
import { compareAmounts } from '../../src/domain/money.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import {
  QbitPayError,
  QbitPayIdError,
  QbitPayInvalidRequestError,
  QbitPayProviderError,
} from '../../src/qbitpay/errors.js';
import type { QbitPayClient } from '../../src/qbitpay/client.js';
import type { Order, Payout } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';

/** Finds a request by its `externalOrderId`, for which payouts have no filter (contract, section Payouts). */

/** How far before the first sending the list is read: the two clocks are never further apart. */
export const CLOCK_MARGIN_MS = 10 * 60_000;

/** A list that keeps shifting is read again from the top this often, then the scan counts for nothing. */
const MAX_RESTARTS = 5;

export interface Scan<T> {
  readonly found: readonly T[];
  /** Every page was read, and none shifted under the reading. */
  readonly isComplete: boolean;
  /** False when something in the list, or what was announced, does not say whose it is: it might be ours. */
  readonly isNamed: boolean;
}

/** All of it was read, and there is nothing that is ours or might be. */
export function isNothing({ found, isComplete, isNamed }: Scan<unknown>): boolean {
  return isComplete && isNamed && found.length === 0;
}

/** Payouts of this `externalOrderId`: those in the list, and those of `announcedIds` that are of it. */
export async function scanPayouts(
  qbitpay: Pick<QbitPayClient, 'iteratePayouts' | 'getPayout'>,
  { externalOrderId }: Pick<ProviderRequestId, 'externalOrderId'>,
  firstSentAtMs: number,
  announcedIds: readonly string[] = [],
): Promise<Scan<Payout>> {
  const fromMs = firstSentAtMs - CLOCK_MARGIN_MS;
  const { isComplete, found: listed } = await scan(() => qbitpay.iteratePayouts(), externalOrderId, fromMs);
  // One by one: the list may show them late.
  const announced: Announced[] = [];
  for (const id of announcedIds) announced.push(await readAnnounced(qbitpay, id));
  const all = [...listed, ...announced].filter((one) => typeof one !== 'string');
  const ours = all.filter((payout) => payout.externalOrderId === externalOrderId);
  const found = new Map(ours.map((payout) => [payout.id, payout]));
  // Payouts that name nobody are the dashboard's: ours carry the id back [D].
  return { found: [...found.values()], isComplete, isNamed: !announced.includes('unread') };
}

export type Announced =
  | Payout
  /** QbitPay has no such payout, or none that it shows to this key. */
  | 'none'
  /** It could not be asked. */
  | 'unread';

/** A payout that a webhook named: a single one that cannot be read must not stand in the way of everything else. */
export async function readAnnounced(
  qbitpay: Pick<QbitPayClient, 'getPayout'>,
  id: string,
): Promise<Announced> {
  try {
    return (await orNone(() => qbitpay.getPayout(id))) ?? 'none';
  } catch (error) {
    if (!(error instanceof QbitPayError)) throw error;
    return isRefusedId(error) ? 'none' : 'unread';
  }
}

/** What a webhook names may be no id of a payout, or somebody else's: QbitPay's own words for that, and no proxy's. */
function isRefusedId(error: QbitPayError): boolean {
  return error instanceof QbitPayProviderError && error.hasErrorObject && [400, 403].includes(error.status);
}

/** Undefined where the provider has no such object. */
export async function orNone<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof QbitPayIdError) return undefined;
    if (error instanceof QbitPayInvalidRequestError && error.status === 404) return undefined;
    throw error;
  }
}

export interface OrderScanDependencies {
  readonly qbitpay: Pick<QbitPayClient, 'iterateOrders'>;
  readonly store: { readonly requests: Pick<ActivityDependencies['store']['requests'], 'knownOrderIds'> };
}

/** [I] Orders have the filter; what it answers is checked all the same. That they carry the id back is inferred, too. */
export async function scanOrders(
  { qbitpay, store }: OrderScanDependencies,
  { externalOrderId }: Pick<ProviderRequestId, 'externalOrderId'>,
  { firstSentAtMs, asked }: { readonly firstSentAtMs: number; readonly asked: SentAmount | null },
): Promise<Scan<Order>> {
  const fromMs = firstSentAtMs - CLOCK_MARGIN_MS;
  const { unnamed, ...listed } = await scan(
    () => qbitpay.iterateOrders({ externalOrderId }),
    externalOrderId,
    fromMs,
  );
  const candidates = unnamed.filter((order) => couldAnswerTo(order, asked)).map(({ id }) => id);
  const known = candidates.length === 0 ? [] : await store.requests.knownOrderIds(candidates);
  return { ...listed, isNamed: candidates.every((id) => known.includes(id)) };
}

/** [I] An order that names nobody may be the one that was asked for, if it is of that amount. */
export function couldAnswerTo(
  { symbol, amount }: Pick<Order, 'symbol' | 'amount'>,
  asked: SentAmount | null,
): boolean {
  return (
    asked !== null && symbol.startsWith(`${asked.currency}/`) && compareAmounts(amount, asked.amount) === 0
  );
}

interface Listed {
  readonly id: string;
  readonly createdAt?: string | undefined;
  readonly externalOrderId?: string | undefined;
}

/**
 * Reads newest first, back to `fromMs`. An item that comes twice shows that pages shifted, so that another may have
 * been skipped: the reading begins again from the top. What was found stays found.
 */
async function scan<T extends Listed>(
  list: () => AsyncIterable<T>,
  externalOrderId: string,
  fromMs: number,
): Promise<Reading<T>> {
  const seen: Seen<T> = { found: new Map(), unnamed: new Map() };
  let isComplete = false;
  for (let reading = 0; reading <= MAX_RESTARTS && !isComplete; reading += 1) {
    isComplete = await readOnce(list(), seen, externalOrderId, fromMs);
  }
  return { found: [...seen.found.values()], isComplete, unnamed: [...seen.unnamed.values()] };
}

interface Reading<T> extends Omit<Scan<T>, 'isNamed'> {
  /** What did not say whose it is. */
  readonly unnamed: readonly T[];
}

interface Seen<T> {
  readonly found: Map<string, T>;
  readonly unnamed: Map<string, T>;
}

/** False when the pages shifted. */
async function readOnce<T extends Listed>(
  items: AsyncIterable<T>,
  { found, unnamed }: Seen<T>,
  externalOrderId: string,
  fromMs: number,
): Promise<boolean> {
  const seen = new Set<string>();
  for await (const item of items) {
    if (seen.has(item.id)) return false;
    seen.add(item.id);
    if (item.externalOrderId === externalOrderId) found.set(item.id, item);
    else if (item.externalOrderId === undefined) unnamed.set(item.id, item);
    if (item.createdAt !== undefined && Date.parse(item.createdAt) < fromMs) break;
  }
  return true;
}

/** The request that the payout is at, or was at when it was held. */
export function providerRequestIdOf({
  payoutId,
  orderAttempt,
  payoutAttempt,
  ...payout
}: PayoutRecord): ProviderRequestId {
  const step = payout.status === PAYOUT_STATUS.HELD ? payout.heldFrom : payout.status;
  return step === PAYOUT_STATUS.PAYING || step === PAYOUT_STATUS.IN_TRANSIT
    ? { operation: REQUEST_OPERATION.PAYOUT, externalOrderId: payoutExternalId(payoutId, payoutAttempt) }
    : { operation: REQUEST_OPERATION.ORDER, externalOrderId: orderExternalId(payoutId, orderAttempt) };
}

/** What QbitPay has under the `externalOrderId` of the request that the payout is, or was, at. */
export async function scanFor(
  deps: Pick<ActivityDependencies, 'store' | 'qbitpay'>,
  payout: PayoutRecord,
): Promise<Scan<Order | Payout>> {
  const id = providerRequestIdOf(payout);
  const { firstSentAt, asked } = await deps.store.requests.get(id);
  const fromMs = (firstSentAt ?? payout.createdAt).getTime();
  if (id.operation === REQUEST_OPERATION.ORDER) return scanOrders(deps, id, { firstSentAtMs: fromMs, asked });
  const known = payout.providerPayout?.providerPayoutId;
  const announced = await deps.store.webhooks.announcedObjectsOf(payout.payoutId);
  const scan = await scanPayouts(
    deps.qbitpay,
    id,
    fromMs,
    announced.filter((one) => one !== known),
  );
  // The payout that was accepted is another matter than one that was announced: nothing is decided without it.
  const accepted = known === undefined ? undefined : await orNone(() => deps.qbitpay.getPayout(known));
  if (accepted?.externalOrderId !== id.externalOrderId) return scan;
  return { ...scan, found: [...scan.found.filter((one) => one.id !== accepted.id), accepted] };
}
