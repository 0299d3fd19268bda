/**
 * The moments of the engine's work at which a process may die and something only it knew is lost: around the
 * requests that move money, the bookings and the signals. Named so that the fault campaign can end a process at each.
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
  DEPOSIT_VERIFIED: 'depositVerified',
  DEPOSIT_ALLOCATED: 'depositAllocated',
  BALANCE_RESERVED: 'balanceReserved',
  FUNDING_CLOSED: 'fundingClosed',
  OUTCOME_FOUND: 'outcomeFound',
  WEBHOOK_STORED: 'webhookStored',
  WEBHOOK_DISPATCHED: 'webhookDispatched',
} as const;
export type CrashPoint = (typeof CRASH_POINT)[keyof typeof CRASH_POINT];

export const CRASH_POINTS = Object.values(CRASH_POINT);
