import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';
import {
  STORE_PROFILE,
  RESOLVE_OUTCOME_PROFILE,
  OPERATE_PROFILE,
  POLL_PROFILE,
  POST_PROFILE,
  READ_PROFILE,
} from './activity-profiles.js';

/** The activities with their profiles; the summaries are what the Temporal UI shows beside each. */
export const { fetchTicker } = proxyActivities<Activities>({
  ...READ_PROFILE,
  summary: 'price of the funding currency',
});
export const { getDepositAddress } = proxyActivities<Activities>({
  ...READ_PROFILE,
  summary: 'deposit address, fees and minimum of the account',
});
export const { placeOrder } = proxyActivities<Activities>({
  ...POST_PROFILE,
  summary: 'sell the deposit',
});
export const { pollOrder } = proxyActivities<Activities>({
  ...POLL_PROFILE,
  summary: 'wait until the order is filled',
});
export const { createPayout } = proxyActivities<Activities>({
  ...POST_PROFILE,
  summary: 'create the payout at QbitPay',
});
export const { resolveOutcome } = proxyActivities<Activities>({
  ...RESOLVE_OUTCOME_PROFILE,
  summary: 'look for the request at QbitPay',
});
export const { operatePayout } = proxyActivities<Activities>({
  ...OPERATE_PROFILE,
  summary: 'carry out what a person decided',
});
export const { pollSettlement } = proxyActivities<Activities>({
  ...POLL_PROFILE,
  summary: 'wait until the payout is settled',
});
export const { getPayout } = proxyActivities<Activities>({
  ...READ_PROFILE,
  summary: 'read the payout after a webhook',
});
export const { closeFunding } = proxyActivities<Activities>(OPERATE_PROFILE);
export const { holdPayout, allocateDeposit, assignDeposit, reserveFunds } =
  proxyActivities<Activities>(STORE_PROFILE);
export const { pollReservation } = proxyActivities<Activities>({
  ...POLL_PROFILE,
  summary: 'wait until the available balance suffices',
});
export const { awaitReturn } = proxyActivities<Activities>({
  ...POLL_PROFILE,
  summary: 'wait until the money is back',
});
export const { verifyDeposit } = proxyActivities<Activities>({
  ...POLL_PROFILE,
  summary: 'wait until QbitPay shows the money',
});
