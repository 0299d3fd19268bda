import type { Settings } from './settings.js';

/** Whose zone is eight hours ahead, and is not named. */
const LOCAL_OFFSET_MS = 8 * 3_600_000;
const TIMES = ['createdAt', 'availableOn', 'arrivalDate'];

/** The same body with the times of QbitPay's clock, which may be off ours, in the form in which it writes them. */
export function byItsClock({ clockOffsetMs, timeFormat }: Settings, body: unknown): unknown {
  if (clockOffsetMs === 0 && timeFormat === 'utc') return body;
  const toTime = (time: string): string => {
    const atMs = Date.parse(time) + clockOffsetMs;
    if (timeFormat === 'utc') return new Date(atMs).toISOString();
    return new Date(atMs + LOCAL_OFFSET_MS).toISOString().replace('Z', '');
  };
  const toWire = (value: unknown, name: string): unknown => {
    if (typeof value === 'string') return TIMES.includes(name) ? toTime(value) : value;
    if (typeof value === 'number') return name === 'timestamp' ? value + clockOffsetMs : value;
    if (Array.isArray(value)) return value.map((one: unknown) => toWire(one, name));
    // Exact numbers stay what they are.
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
      return value;
    }
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toWire(member, key)]));
  };
  return toWire(body, '');
}
