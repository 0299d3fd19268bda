/**
 * The moments of the engine's work at which a process may die and something only it knew is lost: around the requests
 * that move money, the bookings and the signals. with-crash-points.ts says where each of them is.
 */
export const CRASH_POINT = {
  OPENING_BOOKED: 'openingBooked',
  ORDER_BEFORE_GUARD: 'orderBeforeGuard',
  ORDER_AFTER_GUARD: 'orderAfterGuard',
  ORDER_AFTER_RESPONSE: 'orderAfterResponse',
  ORDER_RECORDED: 'orderRecorded',
  ORDER_READ_BACK: 'orderReadBack',
  PAYOUT_BEFORE_GUARD: 'payoutBeforeGuard',
  PAYOUT_AFTER_GUARD: 'payoutAfterGuard',
  PAYOUT_AFTER_RESPONSE: 'payoutAfterResponse',
  PAYOUT_RECORDED: 'payoutRecorded',
  SETTLEMENT_READ: 'settlementRead',
  SETTLEMENT_RECORDED: 'settlementRecorded',
  RETURN_RECORDED: 'returnRecorded',
  DEPOSIT_ALLOCATED: 'depositAllocated',
  DEPOSIT_TOLD: 'depositTold',
  BALANCE_RESERVED: 'balanceReserved',
  FUNDING_CLOSED: 'fundingClosed',
  OUTCOME_FOUND: 'outcomeFound',
  WEBHOOK_STORED: 'webhookStored',
  WEBHOOK_RECEIVED: 'webhookReceived',
} as const;
export type CallPoint = (typeof CRASH_POINT)[keyof typeof CRASH_POINT];

/**
 * One more that the process cannot see itself: the moment in which all of a request that moves money has left and its
 * answer has not come. provider-gate.ts watches for it.
 */
export const BYTES_SENT = { ORDER: 'orderBytesSent', PAYOUT: 'payoutBytesSent' } as const;
export type BytesSent = (typeof BYTES_SENT)[keyof typeof BYTES_SENT];

export type CrashPoint = CallPoint | BytesSent;
export const CRASH_POINTS: readonly CrashPoint[] = [
  ...Object.values(CRASH_POINT),
  ...Object.values(BYTES_SENT),
];

/** The API's crash points; all others are the worker's. */
const OF_THE_API: readonly CrashPoint[] = [CRASH_POINT.WEBHOOK_STORED, CRASH_POINT.WEBHOOK_RECEIVED];

export type ProcessName = 'worker' | 'api';

export function processOf(point: CrashPoint): ProcessName {
  return OF_THE_API.includes(point) ? 'api' : 'worker';
}

export interface Crash {
  /** Of this plan. */
  readonly id: string;
  readonly point: CrashPoint;
  /** It happens when the process comes there for the n-th time, from 1. */
  readonly arrival: number;
  /** kill: it dies there · stop: it freezes there · temporal, postgres: that server dies while it stands there. */
  readonly action: 'kill' | 'stop' | 'temporal' | 'postgres';
  /** Of `bytesSent` points: whether the request still reaches the provider. */
  readonly arrives: boolean;
}

/** How a process tells the campaign that it has come to a planned crash, just before it. */
export const CRASH_LINE = 'crash ';
export const CRASHES_VARIABLE = 'FAULTS_CRASHES';
/** Names a file: once it is there, nobody crashes any more. */
export const CALM_VARIABLE = 'FAULTS_CALM_FILE';
