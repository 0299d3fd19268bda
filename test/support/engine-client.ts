import { randomUUID } from 'node:crypto';
import type { Change } from './store-changes.js';
import { untilAnswer } from './until-answer.js';

/** The black box as a test sees it: the engine's API and the simulator's control surface, over HTTP. */
export interface EngineClient {
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** The simulator's control surface; throws for anything but 2xx. */
  control(method: string, path: string, body?: unknown): Promise<Json>;
  /** Asks for a payout; again as long as it is not open yet or nothing answers, as a caller is told to. */
  create(request: Json): Promise<Creation>;
  /** Asks for a payout and expects it to be opened by that. */
  open(changes?: Json): Promise<Json>;
  /** Deposits exactly what the payout asks for. */
  fund(payout: Json): Promise<Json>;
  /** Waits until the API shows the payout as fulfilling the condition. */
  until(payoutId: string, condition: (payout: Json) => boolean, what?: string): Promise<Json>;
  untilStatus(payoutId: string, status: string): Promise<Json>;
}

/** Answers of a black box, looked at field by field. */
export type Json = any;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

export interface Creation extends Answer {
  /** It took longer to open than a caller is kept waiting, as on a busy machine: the answer is to a repetition. */
  readonly isRepetition: boolean;
}

export function createEngineClient(apiUrl: string, simulatorUrl: string): EngineClient {
  const api: EngineClient['api'] = (method, path, body, headers = {}) =>
    send(`${apiUrl}${path}`, method, body, headers);
  const create: EngineClient['create'] = async (request) => {
    let requests = 0;
    const answer = await untilAnswer(
      () => {
        requests += 1;
        return api('POST', '/v1/payouts', request);
      },
      ({ status }) => status !== 202 && status !== 503,
      `${request.payoutId} as open`,
    );
    return { ...answer, isRepetition: requests > 1 };
  };
  const untilShown = async (
    payoutId: string,
    isWanted: (payout: Json) => boolean,
    what: string,
    isReason: (change: Change) => boolean,
  ): Promise<Json> => {
    const { body } = await untilAnswer(
      () => api('GET', `/v1/payouts/${payoutId}`),
      (answer) => answer.status === 200 && isWanted(answer.body),
      `${payoutId} as ${what}`,
      isReason,
    );
    return body;
  };
  const control: EngineClient['control'] = async (method, path, body) => {
    const answer = await send(`${simulatorUrl}/_simulator${path}`, method, body, {});
    if (answer.status >= 300)
      throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return {
    api,
    create,
    control,
    until: (payoutId, condition, what = String(condition)) =>
      untilShown(payoutId, condition, what, (change) => change.payoutId === payoutId),
    untilStatus: (payoutId, status) =>
      untilShown(
        payoutId,
        (payout) => payout.status === status,
        status,
        (change) => change.payoutId === payoutId && change.status === status,
      ),
    open: async (changes = {}) => {
      const answer = await create(payoutRequest(changes));
      if (answer.status !== 201 && !(answer.status === 200 && answer.isRepetition))
        throw new Error(`create answered ${answer.status}: ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    fund: (payout) =>
      control('POST', '/deposits', { currency: payout.deposit.currency, amount: payout.deposit.amount }),
  };
}

/** A valid request under an id of its own. */
export function payoutRequest(changes: Json = {}): Json {
  return {
    payoutId: `p-${randomUUID()}`,
    amount: '5000.00',
    currency: 'CNY',
    amountMode: 'receive',
    fundingCurrency: 'USDT',
    destination: {
      type: 'bankAccount',
      payerName: 'Example Trading Ltd',
      bankAccountNum: '6222020200112233445',
      bankName: 'Example Bank',
    },
    description: 'Invoice 2026-0001',
    ...changes,
  };
}

async function send(
  url: string,
  method: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : JSON.parse(text),
  };
}
