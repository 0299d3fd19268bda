import { activityInfo } from '@temporalio/activity';
import type { ActivityDependencies } from '../../activities/dependencies.js';
import type { Activities } from '../../activities/index.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../../src/domain/payout-status.js';
import { REQUEST_OPERATION } from '../../src/store/schema.js';
import { CRASH_POINT, processOf, type CallPoint, type ProcessName } from './crash-points.js';

/** What a process does its work with; the API has no QbitPay client. */
type Parts = Pick<ActivityDependencies, 'store' | 'qbitpay'>;
export type CrashHook = (point: CallPoint) => Promise<void>;

/** The calls that can be named, as `store.payouts.reserveFunds`. */
type CallsOf<T> = {
  [Name in keyof T & string]: T[Name] extends (...args: never[]) => unknown
    ? Name
    : `${Name}.${CallsOf<T[Name]>}`;
}[keyof T & string];
type CallNamed<T, Path extends string> = Path extends `${infer Name}.${infer Rest}`
  ? CallNamed<T[Name & keyof T], Rest>
  : T[Path & keyof T];
type PathTo = CallsOf<Parts>;
type Call<Path extends PathTo> = Extract<CallNamed<Parts, Path>, (...args: never[]) => unknown>;

interface Moment {
  readonly side: 'before' | 'after';
  readonly path: PathTo;
  readonly isMet: (args: never, result: never) => boolean;
}

/** Before the call leaves, where its arguments are such. */
function before<Path extends PathTo>(
  path: Path,
  isMet: (args: Parameters<Call<Path>>) => boolean = () => true,
): Moment {
  return { side: 'before', path, isMet };
}

/** After the call has answered, where arguments and answer are such; a call that failed is no such moment. */
function after<Path extends PathTo>(
  path: Path,
  isMet: (args: Parameters<Call<Path>>, result: Awaited<ReturnType<Call<Path>>>) => boolean = () => true,
): Moment {
  return { side: 'after', path, isMet };
}

const { ORDER, PAYOUT } = REQUEST_OPERATION;

/** Where each crash point is. */
const MOMENTS: Readonly<Record<CallPoint, readonly Moment[]>> = {
  [CRASH_POINT.OPENING_BOOKED]: [after('store.payouts.openForDeposit')],
  [CRASH_POINT.ORDER_BEFORE_GUARD]: [
    before('store.requests.prepare', ([, { operation }]) => operation === ORDER),
  ],
  [CRASH_POINT.ORDER_AFTER_GUARD]: [
    after(
      'store.requests.claim',
      ([{ operation }], sends) => operation === ORDER && typeof sends === 'number',
    ),
  ],
  [CRASH_POINT.ORDER_AFTER_RESPONSE]: [after('qbitpay.createOrder')],
  [CRASH_POINT.ORDER_RECORDED]: [
    after('store.requests.accept', ([, accepted]) => 'providerOrderId' in accepted),
  ],
  [CRASH_POINT.ORDER_READ_BACK]: [after('store.requests.recordExecution')],
  [CRASH_POINT.PAYOUT_BEFORE_GUARD]: [
    before('store.requests.prepare', ([, { operation }]) => operation === PAYOUT),
  ],
  [CRASH_POINT.PAYOUT_AFTER_GUARD]: [
    after(
      'store.requests.claim',
      ([{ operation }], sends) => operation === PAYOUT && typeof sends === 'number',
    ),
  ],
  [CRASH_POINT.PAYOUT_AFTER_RESPONSE]: [after('qbitpay.createPayout')],
  [CRASH_POINT.PAYOUT_RECORDED]: [
    after('store.requests.accept', ([, accepted]) => 'providerPayoutId' in accepted),
  ],
  [CRASH_POINT.SETTLEMENT_READ]: [
    before('store.requests.recordSettlement', ([, { outcome }]) => outcome !== null),
  ],
  [CRASH_POINT.SETTLEMENT_RECORDED]: [
    after('store.requests.recordSettlement', ([, { outcome }]) => outcome !== null),
  ],
  [CRASH_POINT.RETURN_RECORDED]: [after('store.requests.recordReturn')],
  [CRASH_POINT.DEPOSIT_ALLOCATED]: [
    after('store.mirror.readHints', (_args, hints) =>
      hints.some(({ signal }) => signal === 'depositAllocated'),
    ),
  ],
  [CRASH_POINT.DEPOSIT_TOLD]: [
    before('store.mirror.forgetHint', ([{ signal }]) => signal === 'depositAllocated'),
  ],
  [CRASH_POINT.BALANCE_RESERVED]: [
    after('store.payouts.openFromBalance'),
    after('store.payouts.reserveFunds', (_args, status) => hasMoney(status)),
  ],
  [CRASH_POINT.FUNDING_CLOSED]: [after('store.payouts.closeFunding')],
  [CRASH_POINT.OUTCOME_FOUND]: [before('store.requests.accept', () => isDoneBy('resolveOutcome'))],
  [CRASH_POINT.WEBHOOK_STORED]: [after('store.webhooks.storeWebhook')],
  [CRASH_POINT.WEBHOOK_RECEIVED]: [before('store.webhooks.storeWebhook')],
};

/** A payout that the available balance funds has its money, and has not done anything with it yet. */
function hasMoney(status: PayoutStatus): boolean {
  return status === PAYOUT_STATUS.CONVERTING || status === PAYOUT_STATUS.PAYING;
}

function isDoneBy(activity: keyof Activities): boolean {
  return activityInfo().activityType === activity;
}

/**
 * The same parts, which call the hook whenever their work comes to one of the process's crash points.
 * @throws when the parts have no such call any more: a campaign that never strikes there would find nothing
 */
export function withCrashPoints<T extends Partial<Parts>>(parts: T, name: ProcessName, hook: CrashHook): T {
  return Object.values(CRASH_POINT)
    .filter((point) => processOf(point) === name)
    .flatMap((point) => MOMENTS[point].map((moment) => ({ point, ...moment })))
    .reduce<T>((wrapped, { point, path, ...moment }) => {
      return withCall(wrapped, path, path.split('.'), (call) => strike(call, moment, () => hook(point))) as T;
    }, parts);
}

type AnyCall = (...args: unknown[]) => Promise<unknown>;

function strike(call: AnyCall, { side, isMet }: Omit<Moment, 'path'>, hook: () => Promise<void>): AnyCall {
  return async (...args) => {
    if (side === 'before' && isMet(args as never, undefined as never)) await hook();
    const result = await call(...args);
    if (side === 'after' && isMet(args as never, result as never)) await hook();
    return result;
  };
}

function withCall(
  parts: unknown,
  path: string,
  [name = '', ...rest]: readonly string[],
  replace: (call: AnyCall) => AnyCall,
): unknown {
  const part: unknown = Object(parts)[name];
  if (rest.length > 0 && typeof part === 'object') {
    return { ...(parts as object), [name]: withCall(part, path, rest, replace) };
  }
  if (rest.length > 0 || typeof part !== 'function')
    throw new Error(`a crash point is at ${path}: no such call`);
  return { ...(parts as object), [name]: replace(part as AnyCall) };
}
