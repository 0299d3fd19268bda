import type { Json } from './engine-client.js';
import type { TestEngine } from './engine.js';
import type { ProviderProxy } from './provider-proxy.js';
import { untilAnswer } from './until-answer.js';

/** Requests that took effect and that the provider does not show. */

const LISTS = { order: 'GET /api/v1/orders?', payout: 'GET /api/v1/payouts?' } as const;
export type Operation = keyof typeof LISTS;
export const OPERATIONS: readonly Operation[] = ['order', 'payout'];

export interface HiddenRequest {
  /** How often a list was read that would have shown it, since the engine looks for it. */
  readonly readings: number;
  readonly untilLookedFor: () => Promise<void>;
  readonly show: () => void;
}

/** These lists of the provider do not show it until `show` is called, nor does any event tell of payouts. */
export async function hideRequest(
  { engine, proxy }: { readonly engine: TestEngine; readonly proxy: ProviderProxy },
  payoutId: string,
  {
    operations = OPERATIONS,
    events = 'webhookLost',
  }: {
    readonly operations?: readonly Operation[];
    readonly events?: 'webhookLost' | 'webhookHeld' | undefined;
  } = {},
): Promise<HiddenRequest> {
  for (const word of ['pending', 'inTransition', 'paid']) {
    await engine.control('POST', '/faults', { kind: events, eventType: `payout.${word}`, times: 100 });
  }
  let readings = 0;
  let before: number | undefined;
  const hidden: HiddenRequest = {
    get readings() {
      return before === undefined ? 0 : readings - before;
    },
    untilLookedFor: async () => {
      if (before !== undefined) return;
      await untilAnswer(
        () => engine.api('GET', `/v1/payouts/${payoutId}`),
        ({ body }) => ['OUTCOME_LOOKED_UP', 'UNKNOWN_OUTCOME'].includes(body.holdReason),
        'an outcome that nobody knows',
      );
      before = readings;
    },
    show: () => proxy.rewrite(undefined),
  };
  proxy.rewrite((request, body) => {
    if (!operations.some((operation) => request.startsWith(LISTS[operation]))) return undefined;
    const data = body.data.filter((one: Json) => one.externalOrderId !== payoutId);
    if (data.length < body.data.length) readings += 1;
    return { ...body, data };
  });
  return hidden;
}

export async function untilRead(hidden: HiddenRequest, readings: number): Promise<void> {
  await hidden.untilLookedFor();
  await untilAnswer(
    () => Promise.resolve(hidden.readings),
    (count) => count >= readings,
    `the list read ${readings} times`,
  );
}
