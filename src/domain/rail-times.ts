import type { DestinationType } from './destination.js';

/**
 * How long the ways to a destination take at most, in hours: to the recipient, and back from him. [I] QbitPay names no
 * times; banks keep weekends and holidays.
 */
export const RAIL_HOURS: Readonly<
  Record<DestinationType, { readonly settlement: number; readonly back: number }>
> = {
  bankAccount: { settlement: 96, back: 240 },
  wallet: { settlement: 6, back: 24 },
  Alipay: { settlement: 24, back: 72 },
  PayPal: { settlement: 24, back: 72 },
  Yunshanfu: { settlement: 24, back: 72 },
  'Coins.ph': { settlement: 24, back: 72 },
  GCash: { settlement: 24, back: 72 },
};

/** An order that is pending for so many times the time for converting is overdue. */
export const ORDER_OVERDUE_FACTOR = 4;
