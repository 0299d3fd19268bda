/**
 * The moments of the engine's work at which a process may die and something only it knew is lost: around the
 * requests that move money, the bookings and the signals. Named so that the fault campaign can end a process at each.
 */
export const MILESTONE = {
  OPENING_BOOKED: 'openingBooked',
  ORDER_BEFORE_FENCE: 'orderBeforeFence',
  ORDER_AFTER_FENCE: 'orderAfterFence',
  ORDER_AFTER_RESPONSE: 'orderAfterResponse',
  ORDER_RECORDED: 'orderRecorded',
  ORDER_READ_BACK: 'orderReadBack',
  PAYOUT_BEFORE_FENCE: 'payoutBeforeFence',
  PAYOUT_AFTER_FENCE: 'payoutAfterFence',
  PAYOUT_AFTER_RESPONSE: 'payoutAfterResponse',
  PAYOUT_RECORDED: 'payoutRecorded',
  SETTLEMENT_READ: 'settlementRead',
  SETTLEMENT_RECORDED: 'settlementRecorded',
  RETURN_RECORDED: 'returnRecorded',
  DEPOSIT_VERIFIED: 'depositVerified',
  DEPOSIT_ALLOCATED: 'depositAllocated',
  BALANCE_RESERVED: 'balanceReserved',
  FUNDING_CLOSED: 'fundingClosed',
  LOOK_UP_FOUND: 'lookUpFound',
  WEBHOOK_STORED: 'webhookStored',
  WEBHOOK_DISPATCHED: 'webhookDispatched',
} as const;
export type Milestone = (typeof MILESTONE)[keyof typeof MILESTONE];

export const MILESTONES = Object.values(MILESTONE);
