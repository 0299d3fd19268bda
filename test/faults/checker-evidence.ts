import { payoutIdOfExternalId } from '../../src/domain/identifiers.js';
import type { Finding, World } from './world.js';

/** Money leaves on evidence only: to the recipient that was named, with its own deposit, and while no brake forbids it. */

/** Whoever passed the brake just before it was engaged may still be sending: as long as one request may take. */
const UNDER_WAY_MS = 5_000;

export function* findMisdirected({ provider, recipients }: World): Iterable<Finding> {
  for (const { id, externalOrderId, recipient } of provider.payouts) {
    const wanted = recipients.get(payoutIdOfExternalId(externalOrderId) ?? '');
    if (wanted !== undefined && recipient !== wanted) yield [externalOrderId, `${id} went to somebody else`];
  }
}

export function* findUsedWithoutProof({ provider, store, takenBack }: World): Iterable<Finding> {
  const losers = store.allocations.filter(({ providerDepositId }) => takenBack.includes(providerDepositId));
  for (const { payoutId, providerDepositId } of losers) {
    const sent = [...provider.orders, ...provider.payouts].filter(
      ({ externalOrderId }) => payoutIdOfExternalId(externalOrderId) === payoutId,
    );
    for (const { id } of sent)
      yield [payoutId, `${id} was paid with others' money: ${providerDepositId} is gone`];
  }
}

export function* findDisregardedBrakes({ provider, store, brakesWithCause }: World): Iterable<Finding> {
  for (const externalOrderId of provider.sentElsewhere) yield [externalOrderId, 'left for another account'];
  for (const { kind, currency, detail, engagedAtMs, releasedAtMs } of store.brakes) {
    if (!brakesWithCause.includes(kind)) yield [kind, `engaged without cause: ${detail}`];
    const sent = provider.journal.filter(
      ({ endpoint, effects, atMs, currencies }) =>
        endpoint.startsWith('POST ') &&
        effects.length > 0 &&
        atMs > engagedAtMs + UNDER_WAY_MS &&
        atMs < (releasedAtMs ?? Infinity) &&
        (currency === null || currencies.includes(currency)),
    );
    for (const { endpoint, externalOrderId } of sent)
      yield [externalOrderId ?? endpoint, `left while ${kind} was engaged`];
  }
}
