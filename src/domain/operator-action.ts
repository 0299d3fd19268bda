/** What a person can do about a payout that is held: calls of the API, updates of its workflow. */
export const OPERATOR_ACTION = {
  /** Go on with what it was doing. */
  RESUME: 'resume',
  /** Say what became of a request whose outcome is not known: adopt what QbitPay has, send again, or close. */
  RESOLVE: 'resolve',
  /** Make a new attempt, with another destination if need be. */
  RETRY: 'retry',
  /** End it; its money goes to the available balance. */
  CANCEL: 'cancel',
} as const;
export type OperatorAction = (typeof OPERATOR_ACTION)[keyof typeof OPERATOR_ACTION];
