import type { WorkflowHandle } from '@temporalio/client';
import { FAILURES, type FailureType } from '../../src/domain/failure-type.js';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { compareAmounts } from '../../src/domain/money.js';
import type { PayoutPolicy } from '../../src/domain/policy.js';
import { owedIn } from './balances.js';
import type { Answer, Json } from './engine-client.js';
import { untilCaughtUp } from './mirror-readings.js';
import { advancePayout, currentDetailsOf, startDirectly, untilHoldReasonShown } from './payout-workflows.js';
import { detailsOf, requestsTo } from './provider-requests.js';
import type { Scenario } from './scenario.js';
import { untilAnswer } from './until-answer.js';

/** What a person gives as the reason of every decision. */
export const REASON = 'as agreed with QbitPay on the phone';

/** A payout of a story: what befalls it, what is done about it, and what must have become of it. */
export class ScenarioPayout {
  readonly id: string;
  readonly #scenario: Scenario;
  readonly #request: Json;
  /** Its id at QbitPay, which a payout that has ended otherwise does not show. */
  #sentAs: string | undefined;

  constructor(scenario: Scenario, request: Json) {
    this.#scenario = scenario;
    this.#request = request;
    this.id = request.payoutId;
  }

  // What QbitPay makes of it.

  /** Its request to this endpoint is struck, once where nothing else is said. */
  async strike(kind: string, endpoint: string, more: Json = {}): Promise<this> {
    await this.#scenario.provider.strike(kind, endpoint, { externalOrderId: this.id, ...more });
    return this;
  }

  /** How its payout ends at QbitPay, or that of a later attempt (`~2`). */
  async endsAs(outcome: string, attempt = ''): Promise<this> {
    await this.#control('POST', '/outcomes', { outcome, externalOrderId: `${this.id}${attempt}` });
    return this;
  }

  /** How its order ends at QbitPay, and how much of it is executed. */
  async orderEndsAs(status: string, filled = '0'): Promise<this> {
    await this.#control('POST', '/orders/outcomes', { status, filled, externalOrderId: this.id });
    return this;
  }

  /** QbitPay's answers show its order, or its payout, with these changes. */
  isShownAs(object: 'order' | 'payout', change: Json): void {
    const show = (one: Json): Json => (this.isOwn(object, one) ? { ...one, ...change } : one);
    this.#scenario.provider.rewrite((_request, body) =>
      body?.object === 'list' ? { ...body, data: body.data.map(show) } : show(body),
    );
  }

  isOwn(object: 'order' | 'payout', body: Json): boolean {
    return body?.object === object && body.externalOrderId === this.id;
  }

  /** QbitPay's lists hide what they have of it, and whatever else is said; no event tells of it. */
  async hideFromLists(isHidden: (one: Json) => boolean = () => false): Promise<this> {
    for (const word of ['pending', 'inTransition', 'paid']) {
      await this.#control('POST', '/faults', { kind: 'webhookLost', eventType: `payout.${word}` });
    }
    this.#scenario.provider.rewrite((request, body) => {
      if (!request.startsWith('GET') || body?.object !== 'list') return undefined;
      const isShown = (one: Json): boolean => one.externalOrderId !== this.id && !isHidden(one);
      return { ...body, data: body.data.filter(isShown) };
    });
    return this;
  }

  /** QbitPay takes its payout, or another one that is named, to this status. */
  async advance(status: string, providerPayoutId?: string): Promise<void> {
    const id = providerPayoutId ?? (await this.#idAtProvider());
    await advancePayout(this.#scenario.engine, id, status);
  }

  /** QbitPay says something else of its payout from now on, and no event tells. */
  async isOverwritten(change: Json): Promise<void> {
    await this.#control('POST', `/payouts/${await this.#idAtProvider()}/overwrite`, change);
  }

  /** QbitPay announces this of it, true or not. */
  async announce(type: string, status: string): Promise<void> {
    const data = {
      id: await this.#idAtProvider(),
      object: 'payout',
      status,
      amount: 5000,
      fee: 25,
      currency: 'CNY',
    };
    const event = { type, data: { ...data, externalOrderId: this.id }, signature: 'valid' };
    expect((await this.#control('POST', '/events/forge', event)).attempt).not.toBeNull();
  }

  /** QbitPay was read again, and its workflow has dealt with what that showed. */
  isReadAgain(): Promise<void> {
    return untilCaughtUp(this.#scenario.engine, this.id);
  }

  /** What QbitPay has for it, whatever the attempt, and did not fail or cancel. */
  async living(): Promise<Json[]> {
    const { data } = await this.#scenario.provider.call('GET', '/api/v1/payouts?limit=100');
    return data.filter(
      ({ externalOrderId = '', status }: Json) =>
        externalOrderId.split('~')[0] === this.id && status !== 'failed' && status !== 'cancelled',
    );
  }

  /** The requests to an endpoint that were made for it, or for a later attempt (`~2`, `~o2`). */
  requests(endpoint: string, attempt = ''): Promise<Json[]> {
    return requestsTo(this.#scenario.engine, endpoint, `${this.id}${attempt}`);
  }

  // What its caller does.

  /** Its create request is sent, once more where it was sent before. */
  request(changes: Json = {}): Promise<Answer> {
    return this.#scenario.engine.create({ ...this.#request, ...changes });
  }

  async open(): Promise<this> {
    await this.#scenario.engine.open(this.#request);
    return this;
  }

  /** Started as a backend with a Temporal client does, with waits of its own. */
  async startedDirectly(policy: Partial<PayoutPolicy> = {}): Promise<this> {
    await startDirectly(this.#scenario.engine, this.#request, policy);
    return this;
  }

  /** Deposits exactly what it asks for, when it does. */
  async fund(): Promise<this> {
    const opened = await this.until(({ deposit }) => (deposit ?? null) !== null, 'open');
    await this.#scenario.engine.fund(opened);
    return this;
  }

  async funded(): Promise<this> {
    return (await this.open()).fund();
  }

  /** Accepted by QbitPay, where it moves only when it is told to. */
  async inTransit(): Promise<this> {
    await this.endsAs('stuck');
    await this.funded();
    this.#sentAs = (await this.becomes('in_transit')).providerPayoutId;
    return this;
  }

  cancel(): Promise<Answer> {
    return this.#scenario.engine.api('POST', `/v1/payouts/${this.id}/cancel`);
  }

  // What a person decides.

  operate(operation: string, more: Json = {}): Promise<Answer> {
    const body = { reason: REASON, ...more };
    return this.#scenario.engine.api('POST', `/v1/payouts/${this.id}/${operation}`, body);
  }

  /** The operation is carried out, and the timeline says by whom and why. */
  async decide(operation: string, more: Json = {}): Promise<Json> {
    const answer = await this.operate(operation, more);
    expect(answer).toMatchObject({ status: 200, body: { payoutId: this.id } });
    expect(JSON.stringify((await this.shown()).timeline)).toContain(`local: ${REASON}`);
    return answer.body;
  }

  async isRefused(operation: string, why: RegExp, more?: Json): Promise<void> {
    const answer = await this.operate(operation, more);
    expect(answer).toMatchObject({ status: 409, body: { code: 'OPERATION_REFUSED' } });
    expect(answer.body.detail).toMatch(why);
  }

  /** A failed attempt is refused until its money is back, and then made again. */
  async retryWhenMoneyIsBack(more: Json = {}): Promise<void> {
    const answer = await untilAnswer(
      () => this.operate('retry', more),
      ({ status, body }) => status !== 409 || !/money has not come back/.test(body.detail),
      'the money back',
    );
    expect(answer).toMatchObject({ status: 200 });
    const details = detailsOf(await this.shown()).join('\n');
    expect(details).toMatch(new RegExp(`another attempt.*local: ${REASON}`));
  }

  // What becomes of it.

  /** As the API shows it now. */
  async shown(): Promise<Json> {
    return (await this.#scenario.engine.api('GET', `/v1/payouts/${this.id}`)).body;
  }

  becomes(status: string): Promise<Json> {
    return this.#scenario.engine.untilStatus(this.id, status);
  }

  until(condition: (payout: Json) => boolean, what?: string): Promise<Json> {
    return this.#scenario.engine.until(this.id, condition, what);
  }

  /** Held for this reason, in the store and in the Temporal UI, with what a person can do. */
  async isHeld(reason: FailureType): Promise<Json> {
    const { engine } = this.#scenario;
    const held = await this.until(
      ({ status, holdReason }) => status === 'held' && holdReason === reason,
      `held as ${reason}`,
    );
    const { meaning, action, actions } = FAILURES[reason];
    expect(held.hold).toEqual({ reason, meaning, action, actions });
    await untilHoldReasonShown(engine, this.id, reason);
    const details = await currentDetailsOf(engine, payoutWorkflowId(this.id));
    for (const words of ['**held**', reason, meaning, action, `**Possible:** ${actions.join(', ')}`]) {
      expect(details).toContain(words);
    }
    return held;
  }

  async isPaidOnce(): Promise<Json> {
    const paid = await this.becomes('paid');
    expect((await this.living()).map(({ status }) => status)).toEqual(['paid']);
    return paid;
  }

  /** Ended as that, in the store and in its workflow, which waits for money that comes back. */
  async hasEnded(status: string): Promise<Json> {
    await this.becomes(status);
    expect(await this.workflow.result()).toMatchObject({ status });
    return this.shown();
  }

  /** Closed by a person: it has failed, and QbitPay has nothing of it. */
  async isClosed(): Promise<Json> {
    const failed = await this.becomes('failed');
    expect(failed.failure.type).toBe('CLOSED_BY_OPERATOR');
    expect(await this.living()).toEqual([]);
    return failed;
  }

  /** Cancelled: what it had in this currency is owed to its owner, and QbitPay has nothing of it. */
  async cancelReleasing(currency: string): Promise<void> {
    const { engine } = this.#scenario;
    const before = await owedIn(engine, currency);
    expect((await this.cancel()).status).toBe(200);
    await this.becomes('cancelled');
    await untilAnswer(
      () => owedIn(engine, currency),
      (owed) => compareAmounts(owed, before) > 0,
      `money of ${this.id} owed in ${currency}`,
    );
    expect(await this.living()).toEqual([]);
  }

  async untilMoneyBack(): Promise<void> {
    await this.until(
      ({ postings }) => postings.some(({ cause }: Json) => cause === 'return'),
      'the money back',
    );
  }

  get workflow(): WorkflowHandle {
    return this.#scenario.engine.temporal.client.workflow.getHandle(payoutWorkflowId(this.id));
  }

  /** How many decisions its workflow has let in; one that it refuses at once leaves nothing. */
  async updates(): Promise<number> {
    const { events } = await this.workflow.fetchHistory();
    return (events ?? []).filter((one) => Boolean(one.workflowExecutionUpdateAcceptedEventAttributes)).length;
  }

  async #idAtProvider(): Promise<string> {
    return (await this.shown()).providerPayoutId ?? this.#sentAs;
  }

  #control(method: string, path: string, body: Json): Promise<Json> {
    return this.#scenario.engine.control(method, path, body);
  }
}
