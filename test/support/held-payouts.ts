import type { FailureType } from '../../src/domain/failure-type.js';
import { makeAvailable } from './balances.js';
import { payoutRequest, type Json } from './engine-client.js';
import { PAYOUTS } from './provider-requests.js';
import { useScenario, type Scenario } from './scenario.js';
import type { ScenarioPayout } from './scenario-payout.js';

/** Payouts that are held, by what it takes to get there. */
export interface HeldPayouts {
  /** Funded, and held because of what was prepared. */
  as(
    reason: FailureType,
    prepare?: (payout: ScenarioPayout) => unknown,
    changes?: Json,
  ): Promise<ScenarioPayout>;
  /** Its request to the endpoint never arrived, and nobody knows. */
  unsent(endpoint: string): Promise<ScenarioPayout>;
  /** Its request to the endpoint took effect, and neither an answer nor a list nor an event tells of it. */
  hidden(endpoint: string): Promise<ScenarioPayout>;
  refused(endpoint: string): Promise<ScenarioPayout>;
  refusedDestination(): Promise<ScenarioPayout>;
  /** Its attempt ended as that, and its money comes back. */
  failed(outcome?: string): Promise<ScenarioPayout>;
  /** QbitPay calls it failed, and its money does not come back. */
  failedForNow(): Promise<ScenarioPayout>;
  /** QbitPay ended the order filled in part, and does not show its balance transactions. */
  unclear(): Promise<ScenarioPayout>;
  /** A second payout under the same id, of whoever made it. */
  duplicated(): Promise<ScenarioPayout>;
  /** Open, and put on hold by a person. */
  byOperator(): Promise<ScenarioPayout>;
}

/** A scenario in which failed attempts are held, and no wait is long. */
export function useScenarioThatHolds(): { readonly scenario: Scenario; readonly held: HeldPayouts } {
  const scenario = useScenario({
    env: {
      ON_FAILED_ATTEMPT: 'hold',
      UNKNOWN_OUTCOME_WAIT_SECONDS: '0',
      ABSENCE_CHECKS: '1',
      CONVERT_TIMEOUT_SECONDS: '1',
    },
    // What is overdue is seen soon.
    variations: { supervision: { minimumAgeSeconds: 60, intervalMs: 1_000 } },
  });
  return { scenario, held: createHeldPayouts(scenario) };
}

export function createHeldPayouts(scenario: Scenario): HeldPayouts {
  const { provider } = scenario;
  const held: HeldPayouts = {
    as: async (reason, prepare = () => undefined, changes = {}) => {
      const payout = scenario.payout(changes);
      await prepare(payout);
      await payout.funded();
      await payout.isHeld(reason);
      return payout;
    },
    unsent: (endpoint) =>
      held.as('UNKNOWN_OUTCOME', (payout) => payout.strike('resetBeforeEffect', endpoint)),
    hidden: (endpoint) =>
      held.as('UNKNOWN_OUTCOME', async (payout) => {
        await payout.hideFromLists();
        await payout.strike('resetAfterEffect', endpoint);
      }),
    refused: (endpoint) =>
      held.as('PROVIDER_REFUSED', (payout) => payout.strike('api_error', endpoint, { status: 402 })),
    refusedDestination: () =>
      held.as('DESTINATION_REFUSED', (payout) => payout.strike('invalid_request_error', PAYOUTS)),
    failed: (outcome = 'failed') => held.as('ATTEMPT_FAILED', (payout) => payout.endsAs(outcome)),
    failedForNow: async () => {
      await provider.set({ returns: 'manual' });
      return held.failed();
    },
    unclear: () =>
      held.as('ORDER_UNCLEAR', async (payout) => {
        await payout.orderEndsAs('cancelled', '300');
        provider.rewrite((_request, body) => withoutOrderMovements(body));
      }),
    duplicated: async () => {
      await makeAvailable(scenario.engine, 'CNY', '6000');
      const payout = scenario.payout();
      const outcome = { outcome: 'stuck', externalOrderId: payout.id };
      await scenario.engine.control('POST', '/outcomes', outcome);
      await payout.inTransit();
      await provider.call('POST', '/api/v1/payouts', {
        amount: 5000,
        currency: 'CNY',
        externalOrderId: payout.id,
        destination: payoutRequest().destination,
      });
      await payout.isHeld('DUPLICATE_AT_PROVIDER');
      return payout;
    },
    byOperator: async () => {
      const payout = await scenario.payout().open();
      await payout.decide('hold');
      await payout.isHeld('HELD_BY_OPERATOR');
      return payout;
    },
  };
  return held;
}

/** A balance transaction of an order. */
export const isOrderMovement = ({ object, type }: Json): boolean =>
  object === 'balanceTransaction' && type === 'order';

/** Undefined for what is no list of balance transactions. */
export function withoutOrderMovements(body: Json): Json {
  if (body?.object !== 'list' || !body.data.some(isOrderMovement)) return undefined;
  return { ...body, data: body.data.filter((one: Json) => !isOrderMovement(one)) };
}

/** What never left is closed: its money is owed to its owner. */
export async function closeUnsent(payout: ScenarioPayout): Promise<void> {
  await payout.decide('resolve', { action: 'close' });
  const failed = await payout.isClosed();
  expect(failed.postings.at(-1)).toMatchObject({ cause: 'release', account: 'owed' });
}

/** A person says that it is over, as QbitPay's answers are changed now; they are as they were afterwards. */
export async function closeAsOver(scenario: Scenario, payout: ScenarioPayout): Promise<void> {
  await payout.decide('resolve', { action: 'close' });
  scenario.provider.rewrite(undefined);
  await payout.isClosed();
}

export const timesHeld = (timeline: readonly Json[]): number =>
  timeline.filter(({ status }) => status === 'held').length;
