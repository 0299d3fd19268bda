import { setTimeout as delay } from 'node:timers/promises';
import { compareAmounts } from '../../src/domain/money.js';
import type { AnsweredPayout, CallerAnswer } from './world.js';

/** A backend that uses the engine: repeats what is not answered, and remembers every answer. */
export interface Caller {
  readonly answers: readonly CallerAnswer[];
  /** Until the payout is open or refused for good; undefined for the latter, or when the time is over. */
  open(body: CreateBody, untilMs: number): Promise<AnsweredPayout | undefined>;
  /** Once, whatever the answer. */
  ask(kind: CallerAnswer['kind'], body: CreateBody): Promise<void>;
  read(payoutId: string): Promise<AnsweredPayout | undefined>;
  /** Until it is answered at all. */
  cancel(payoutId: string, untilMs: number): Promise<void>;
  /** Until it is answered at all; undefined when it never is. */
  post(path: string, body: object, untilMs: number): Promise<number | undefined>;
}

export type CreateBody = Readonly<Record<string, unknown>> & { readonly payoutId: string };

const REQUEST_TIMEOUT_MS = 15_000;
const PAUSE_MS = 300;

interface RawAnswer {
  readonly status: number;
  readonly body: unknown;
}

export function createCaller(apiUrl: string, apiKey: string): Caller {
  const answers: CallerAnswer[] = [];
  const send = (method: string, path: string, body?: object): Promise<RawAnswer | undefined> =>
    sendOnce({ url: `${apiUrl}${path}`, method, apiKey, body });
  const note = (kind: CallerAnswer['kind'], payoutId: string, answer: RawAnswer | undefined) => {
    if (answer === undefined) return undefined;
    const payout = answer.status < 300 ? toAnsweredPayout(answer.body) : undefined;
    answers.push({ atMs: Date.now(), kind, payoutId, httpStatus: answer.status, payout });
    return payout;
  };
  const create = async (kind: CallerAnswer['kind'], body: CreateBody): Promise<RawAnswer | undefined> => {
    const answer = await send('POST', '/v1/payouts', body);
    note(kind, body.payoutId, answer);
    return answer;
  };
  const post = async (path: string, body: object, untilMs: number): Promise<number | undefined> => {
    while (Date.now() < untilMs) {
      const answer = await send('POST', path, body);
      if (answer !== undefined && answer.status < 500) return answer.status;
      await delay(PAUSE_MS);
    }
    return undefined;
  };
  return {
    answers,
    open: async (body, untilMs) => {
      while (Date.now() < untilMs) {
        const answer = await create('create', body);
        if (answer?.status === 200 || answer?.status === 201) return toAnsweredPayout(answer.body);
        if (answer !== undefined && answer.status !== 202 && answer.status < 500) return undefined;
        await delay(PAUSE_MS);
      }
      return undefined;
    },
    ask: async (kind, body) => {
      await create(kind, body);
    },
    read: async (payoutId) => note('read', payoutId, await send('GET', `/v1/payouts/${payoutId}`)),
    cancel: async (payoutId, untilMs) => {
      const httpStatus = (await post(`/v1/payouts/${payoutId}/cancel`, {}, untilMs)) ?? 0;
      answers.push({ atMs: Date.now(), kind: 'cancel', payoutId, httpStatus, payout: undefined });
    },
    post,
  };
}

/** Undefined when nobody answers: an API that is down, or that died in the middle of it. */
async function sendOnce(request: {
  readonly url: string;
  readonly method: string;
  readonly apiKey: string;
  readonly body: object | undefined;
}): Promise<RawAnswer | undefined> {
  const { url, method, apiKey, body } = request;
  try {
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    return { status: response.status, body: await response.json() };
  } catch {
    return undefined;
  }
}

function toAnsweredPayout(body: unknown): AnsweredPayout {
  const { payoutId, status, amount, currency, deposit, providerPayoutId, holdReason } =
    body as AnsweredPayout & { readonly deposit: { readonly missing: string } | null };
  return {
    payoutId,
    status,
    amount,
    currency,
    deposit: deposit === null ? null : { address: deposit.address, amount: deposit.amount },
    providerPayoutId: providerPayoutId ?? null,
    holdReason: holdReason ?? null,
    isFunded: deposit !== null && compareAmounts(deposit.missing, '0') === 0,
  };
}
