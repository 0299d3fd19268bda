import {
  isEndAtProvider,
  BALANCE_TRANSACTION_STATUS,
  PROVIDER_PAYOUT_STATUS,
} from '../../src/domain/provider-status.js';
import type { QbitPayClient } from '../../src/qbitpay/client.js';
import type {
  BalanceTransaction,
  ListedItem,
  Order,
  Payout,
  UnreadableItem,
} from '../../src/qbitpay/schemas.js';
import type { ObservedObject } from '../../src/store/mirror/provider-objects.js';
import { OBJECT_KIND, type ObjectKind } from '../../src/store/schema.js';

/** The lists of QbitPay that the mirror keeps: how each is read, and what of it is remembered. */

export interface ProviderList {
  readonly kind: ObjectKind;
  /** Newest first. */
  readonly readPage: (startingAfter?: string, status?: string) => Promise<ListPage>;
  readonly readOne: (id: string) => Promise<ObservedObject>;
  /** The statuses that a filter of the list can ask for and that will change; empty where there is no filter. */
  readonly openStatuses: readonly string[];
}

export interface ListPage {
  /** No more follow: a short page says nothing, servers cap pages below the limit that was asked for. */
  readonly isEmpty: boolean;
  /** False when something on it has no id: it cannot be remembered, and is left out. */
  readonly isWhole: boolean;
  readonly objects: readonly ObservedObject[];
}

type Listed = { readonly id: string; readonly externalOrderId?: string | undefined };

export function createProviderLists({
  background,
}: Pick<QbitPayClient, 'background'>): readonly ProviderList[] {
  const openPayouts = [PROVIDER_PAYOUT_STATUS.PENDING, PROVIDER_PAYOUT_STATUS.IN_TRANSIT] as const;
  const openTransactions = [BALANCE_TRANSACTION_STATUS.PENDING] as const;
  return [
    {
      kind: OBJECT_KIND.PAYOUT,
      readPage: async (startingAfter, status) => {
        const filter = { status: openPayouts.find((word) => word === status) };
        return toPage(OBJECT_KIND.PAYOUT, await background.readPayoutsPage(startingAfter, filter), ofPayout);
      },
      readOne: async (id) => observeObject(await background.getPayout(id)),
      openStatuses: openPayouts,
    },
    {
      kind: OBJECT_KIND.ORDER,
      readPage: async (startingAfter) =>
        toPage(OBJECT_KIND.ORDER, await background.readOrdersPage(startingAfter), ofOrder),
      readOne: async (id) => observeObject(await background.getOrder(id)),
      openStatuses: [],
    },
    {
      kind: OBJECT_KIND.TRANSACTION,
      readPage: async (startingAfter, status) => {
        const filter = { status: openTransactions.find((word) => word === status) };
        const items = await background.readBalanceTransactionsPage(startingAfter, filter);
        return toPage(OBJECT_KIND.TRANSACTION, items, ofTransaction);
      },
      readOne: async (id) => observeTransaction(await background.getBalanceTransaction(id)),
      openStatuses: openTransactions,
    },
  ];
}

/** What only objects of one kind have. */
type Particulars = Pick<ObservedObject, 'source' | 'type' | 'status' | 'currency' | 'amount' | 'isOpen'>;

function toPage<T extends Listed>(
  kind: ObjectKind,
  items: readonly ListedItem<T>[],
  particularsOf: (object: T) => Particulars,
): ListPage {
  const objects = items.flatMap((item) => {
    if (item.kind === 'readable') return observe(kind, item.object, particularsOf);
    return item.id === undefined ? [] : setAside(kind, { ...item, id: item.id });
  });
  return { isEmpty: items.length === 0, isWhole: objects.length === items.length, objects };
}

function observe<T extends Listed>(
  kind: ObjectKind,
  object: T,
  particularsOf: (object: T) => Particulars,
): ObservedObject {
  return {
    kind,
    providerId: object.id,
    externalOrderId: object.externalOrderId ?? null,
    ...particularsOf(object),
    content: withoutPersonalData(object),
    problem: null,
  };
}

/** What the mirror keeps of an order, or of a payout, that somebody else than the sync has read. */
export function observeObject(object: Order | Payout): ObservedObject {
  return 'symbol' in object
    ? observe(OBJECT_KIND.ORDER, object, ofOrder)
    : observe(OBJECT_KIND.PAYOUT, object, ofPayout);
}

export function observeTransaction(transaction: BalanceTransaction): ObservedObject {
  return observe(OBJECT_KIND.TRANSACTION, transaction, ofTransaction);
}

/** It proves nothing, and stands in nobody's way. */
function setAside(
  kind: ObjectKind,
  item: Omit<UnreadableItem, 'id'> & { readonly id: string },
): ObservedObject {
  return {
    kind,
    providerId: item.id,
    externalOrderId: item.externalOrderId ?? null,
    source: null,
    type: null,
    status: null,
    currency: null,
    amount: null,
    content: withoutPersonalData(item.raw as object),
    problem: item.problem,
    isOpen: false,
  };
}

/** Whom it was paid to, and what for, stands with our own payouts; of others' the engine keeps nothing. */
function withoutPersonalData(object: object): object {
  return { ...object, destination: undefined, description: undefined };
}

function ofPayout({ status, currency, amount }: Payout): Particulars {
  return { source: null, type: null, status, currency, amount, isOpen: !isEndAtProvider(status) };
}

function ofOrder({ status, symbol, amount }: Order): Particulars {
  const currency = symbol.split('/')[0] ?? null;
  return { source: null, type: null, status, currency, amount, isOpen: !isEndAtProvider(status) };
}

function ofTransaction({ source, type, status, currency, amount }: BalanceTransaction): Particulars {
  return {
    source: source ?? null,
    type,
    status,
    currency,
    amount,
    isOpen: status !== BALANCE_TRANSACTION_STATUS.AVAILABLE,
  };
}
