import {
  CRASH_POINT,
  CRASH_POINTS as ENGINE_CRASH_POINTS,
  type CrashPoint as EngineCrashPoint,
} from '../../src/domain/crash-point.js';

/**
 * Where processes are ended: at the engine's own crash points, and at one more that it cannot see itself, the moment in
 * which all of a request that moves money has left and its answer has not come.
 */
export const BYTES_SENT = { ORDER: 'orderBytesSent', PAYOUT: 'payoutBytesSent' } as const;
export type BytesSent = (typeof BYTES_SENT)[keyof typeof BYTES_SENT];

export type CrashPoint = EngineCrashPoint | BytesSent;
export const CRASH_POINTS: readonly CrashPoint[] = [...ENGINE_CRASH_POINTS, ...Object.values(BYTES_SENT)];

/** The API's crash points; all others are the worker's. */
const OF_THE_API: readonly CrashPoint[] = [CRASH_POINT.WEBHOOK_STORED, CRASH_POINT.WEBHOOK_DISPATCHED];

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
