import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from './payout-status.js';

/**
 * Everything that can keep a payout from being paid, by name. One total table says for each what it
 * means and what a person does about it: the API answer, the Temporal UI and docs/failure-types.md show the
 * same words (a test keeps them in step).
 */
export const FAILURE_KIND = {
  /** The payout was never opened (`rejected`, HTTP 422). */
  REJECTED: 'rejected',
  /** The payout ended without paying (`failed`, `cancelled` or `returned`). */
  FAILED: 'failed',
  /** The payout waits for a person (`held`). */
  HELD: 'held',
  /** The payout goes on by itself when the cause is gone; the status stays what it was. */
  WAITING: 'waiting',
  /** A deposit that belongs to no payout waits for a person. */
  UNALLOCATED: 'unallocated',
  /** The payout goes on, or has ended, and something about it is worth a look (`flags`). */
  FLAGGED: 'flagged',
} as const;
export type FailureKind = (typeof FAILURE_KIND)[keyof typeof FAILURE_KIND];

/** What a person can do about a payout that is held: calls of the API, updates of its workflow. */
export const OPERATOR_ACTION = {
  /** Go on with what it was doing. */
  RESUME: 'resume',
  /** Say what became of a request whose outcome is not known: adopt what QbitPay has, send again, or close. */
  RESOLVE: 'resolve',
  /** Make a new attempt, with another destination if need be. */
  RETRY: 'retry',
  /** End it; its money is freed. */
  CANCEL: 'cancel',
} as const;
export type OperatorAction = (typeof OPERATOR_ACTION)[keyof typeof OPERATOR_ACTION];

export interface FailureDescription {
  readonly kind: FailureKind;
  /** What happened, for anyone who reads it. */
  readonly meaning: string;
  /** What to do about it now. */
  readonly action: string;
  /** What the API and the workflow take from a person; empty where nothing is held. */
  readonly actions: readonly OperatorAction[];
}

const of =
  (kind: FailureKind) =>
  (meaning: string, action: string, actions: readonly OperatorAction[] = []): FailureDescription => {
    return { kind, meaning, action, actions };
  };
const rejected = of(FAILURE_KIND.REJECTED);
const failed = of(FAILURE_KIND.FAILED);
const held = of(FAILURE_KIND.HELD);
const waiting = of(FAILURE_KIND.WAITING);
const unallocated = of(FAILURE_KIND.UNALLOCATED);
const flagged = of(FAILURE_KIND.FLAGGED);
const { RESUME, RESOLVE, RETRY, CANCEL } = OPERATOR_ACTION;

const NEW_ID = 'Correct the request and send it under a new payoutId.';
const NOTHING_TO_DO = 'Nothing: the payout goes on by itself.';
const ASSIGN =
  'Find out whose money it is, then assign the deposit (POST /v1/deposits/{id}/assign) to payouts or to the available balance.';
const FREED = 'Nothing has to be done: its money is freed.';

const TABLE = {
  INVALID_REQUEST: rejected('The request is not a valid payout.', NEW_ID),
  NO_SUCH_PAIR: rejected(
    'QbitPay has no market that sells the funding currency for the payout currency.',
    NEW_ID,
  ),
  NO_DEPOSIT_ADDRESS: rejected(
    'The QbitPay account has no wallet in the funding currency, or several, of which QBITPAY_DEPOSIT_ADDRESSES names none.',
    'Fund in another currency, add the wallet at QbitPay, or choose one in QBITPAY_DEPOSIT_ADDRESSES and restart; then use a new payoutId.',
  ),
  NO_NETWORK: rejected(
    'QBITPAY_NETWORKS does not say which network the address of this currency belongs to.',
    'Add the currency to QBITPAY_NETWORKS and restart; then use a new payoutId.',
  ),
  BELOW_MINIMUM: rejected('The amount is below the minimum of the QbitPay account.', NEW_ID),
  ABOVE_MAXIMUM: rejected(
    'The amount, or the deposit that it takes, is above MAX_PAYOUT_AMOUNT.',
    'Correct the amount, or have the limit raised; then use a new payoutId.',
  ),
  MINIMUM_NOT_COMPARABLE: rejected(
    'The minimum of the QbitPay account is in a currency that is neither funded nor paid out.',
    'Fund in the currency of the minimum; then use a new payoutId.',
  ),
  ORDER_REFUSED: failed('QbitPay refused the order for good; nothing was converted.', FREED),
  PAYOUT_REFUSED: failed('QbitPay refused the payout for good; nothing was converted.', FREED),
  PAYOUT_FAILED: failed(
    'QbitPay accepted the payout and then reported it as failed.',
    'The money is freed as soon as QbitPay shows it again (until then its return is pending); pay again under a new payoutId.',
  ),
  CANCELLED_BY_PROVIDER: failed(
    'QbitPay accepted the payout and then cancelled it.',
    'The money is freed as soon as QbitPay shows it again (until then its return is pending); pay again under a new payoutId.',
  ),
  PAYOUT_RETURNED: failed(
    'QbitPay reported the payout as paid, and the bank then sent it back.',
    'What came back is freed. Ask the recipient for a destination that works, and pay again under a new payoutId.',
  ),
  ANSWER_CONTRADICTS: held(
    'QbitPay answered the request with something else than was asked for, which does not carry its externalOrderId.',
    "Ask QbitPay about the object that the timeline names. Then resolve: adopt it with its differences, or disown it, if it is somebody else's: the payout then goes on looking for its own.",
    [RESOLVE],
  ),
  UNKNOWN_OUTCOME: held(
    'A request that moves money was sent, no trustworthy answer came, and QbitPay does not show what it asked for.',
    "Ask QbitPay about the externalOrderId. Then resolve: adopt what they name, disown what is somebody else's, send it again as not sent, or close.",
    [RESOLVE],
  ),
  PRICE_MOVED: held(
    'The price moved too far from the estimate, until the time for converting ran out.',
    'priceOffer shows what it comes to now. Resume with acceptPrice to go on at that price or a better one (what is missing then has to be deposited), resume to look for the old price again, or cancel the payout (its money is freed).',
    [RESUME, CANCEL],
  ),
  NO_USABLE_PRICE: held(
    'QbitPay named no price in time that it accepted: all were too old, refused, or the market is gone.',
    'Compare the clocks of this machine and QbitPay and ask about the market; then resume, or cancel the payout (its money is freed).',
    [RESUME, CANCEL],
  ),
  ORDER_NOT_FILLED: held(
    'QbitPay accepted the order and ended it unfilled, or filled in part; what it moved is booked.',
    'The timeline says what was sold. Retry to place another order for the rest, or cancel the payout (its money is freed, in both currencies).',
    [RETRY, CANCEL],
  ),
  ORDER_UNCLEAR: held(
    'QbitPay does not show what the order moved: it ended before all of it was filled, or is not shown itself any more.',
    'Ask QbitPay for the balance transactions of the order, then resume: it is read again. Where they say that what shows is all, resolve: close (its money is freed, in both currencies).',
    [RESUME, RESOLVE],
  ),
  ORDER_OVERDUE: held(
    'QbitPay has had the order for four times as long as converting may take, and calls it pending.',
    'Ask QbitPay. Resume to wait on: it goes on once the order is filled. Where QbitPay says that the order is over and moved nothing, or no more than it shows, resolve: close (its money is freed).',
    [RESUME, RESOLVE],
  ),
  ORDER_SHORT: held(
    'The order brought in less than the payout and its fee need; what is left of its money is enough to sell the rest.',
    'Ask QbitPay why it brought in less. Retry to sell the rest, or cancel the payout (its money is freed, in both currencies).',
    [RETRY, CANCEL],
  ),
  SHORT_AFTER_ORDER: held(
    'The order brought in less than the payout and its fee need, and what is left of its money does not make up for it.',
    'Cancel the payout: what was converted is freed, and a new payout can be paid from it.',
    [CANCEL],
  ),
  DESTINATION_REFUSED: held(
    'QbitPay refused the payout as invalid; its money is there, in the payout currency.',
    'Retry, with another destination where that was wrong; or cancel the payout (the converted money is freed).',
    [RETRY, CANCEL],
  ),
  PROVIDER_REFUSED: held(
    'QbitPay understood the request and refused it (402), or refused the order for the rest of one that was filled in part.',
    'Ask QbitPay for the reason and compare the balances. Then retry, or cancel the payout (its money is freed).',
    [RETRY, CANCEL],
  ),
  PROVIDER_UNAVAILABLE: waiting('QbitPay does not answer or reports a fault of its own.', NOTHING_TO_DO),
  RATE_LIMITED: waiting('QbitPay asks for fewer requests.', NOTHING_TO_DO),
  AUTHENTICATION_REFUSED: waiting(
    'QbitPay does not accept the API key, or the key lacks the permission.',
    'Correct the key (the key file is read again by itself); the payout then goes on by itself.',
  ),
  ACCOUNT_CHANGED: waiting(
    'The account that the API key reads is not the one that the engine has worked with: nothing of it is used.',
    'GET /v1/brakes says what is missing. Correct the key (the key file is read again by itself); where QbitPay itself changed the account, release the brake. The payout then goes on by itself.',
  ),
  FIRST_SYNC: waiting(
    'The worker has started, and has not read QbitPay to its end since: before that nothing is sent.',
    'Nothing: the payout goes on after the first complete sync. GET /v1/provider shows how far it is, and what keeps it.',
  ),
  BRAKE_ENGAGED: waiting(
    'A brake is engaged: as long as it is, nothing leaves for QbitPay.',
    'GET /v1/brakes says which one, and why. When that is settled, release it (POST /v1/brakes/{brakeId}/release); the payout then goes on by itself.',
  ),
  FIRST_ANSWER: waiting(
    'No payout in this currency was answered as expected yet, and another one is being sent: until one was, they leave one at a time.',
    'Nothing: the payout goes on after the answer to the other one.',
  ),
  ENGINE_UNAVAILABLE: waiting(
    'The engine could not finish a step, for example because its database does not answer.',
    'Check the database and the worker logs; the payout then goes on by itself.',
  ),
  PRICE_IMPLAUSIBLE: waiting(
    'QbitPay names a price that is zero, or too far from the last one to be asked for a deposit by.',
    'Compare with the market. A price that stays where it is for 5 minutes is believed; one that is wrong is for QbitPay to correct.',
  ),
  PRICE_TOO_OLD: waiting(
    'QbitPay shows or accepts only a price that is older than 25 s, by our clock: it is late, or the two clocks differ.',
    'Look at clockSkewMs (GET /v1/provider): where it is beyond a few seconds, correct the clock of this machine, or ask QbitPay.',
  ),
  PRICE_TOO_LOW: waiting(
    'The price is so far below the estimate that the money of the payout does not buy what was asked for within MAX_SLIPPAGE_BPS.',
    'Nothing: it goes on with a better price, and is held (PRICE_MOVED) after CONVERT_TIMEOUT_SECONDS. Cancel it, if it is not to wait.',
  ),
  SETTLEMENT_OVERDUE: waiting(
    'QbitPay has been carrying the payout out for longer than its destination takes.',
    'Ask QbitPay about it. If QbitPay will not pay it, have them stop it; the payout then ends by itself.',
  ),
  DEPOSIT_UNVERIFIED: waiting(
    'A deposit was announced, and QbitPay shows no money for it.',
    'Nothing: every sync looks for it. If it stays so, ask QbitPay: an announcement without money changes nothing.',
  ),
  UNMATCHED_DEPOSIT: unallocated('No payout declared this transaction or expects this amount.', ASSIGN),
  WRONG_ADDRESS: unallocated('The deposit came in at another address than the payout names.', ASSIGN),
  WRONG_CURRENCY: unallocated(
    'The declared transaction brought another currency than the payout expects.',
    ASSIGN,
  ),
  CONFLICTING_MATCH: unallocated(
    'One payout declared the transaction and another expects its exact amount.',
    ASSIGN,
  ),
  EXCESS_DEPOSIT: flagged(
    'More was deposited for the payout than it needs; the rest is owed to its owner.',
    'Give it back by a payout of the same owner with "funding": "balance", or fund another one of his with it.',
  ),
  LATE_DEPOSIT: unallocated('The payout had already ended when the deposit came.', ASSIGN),
  NO_FREE_AMOUNT: rejected(
    'So many payouts wait for this amount that no deposit amount near it is free.',
    'Ask for a slightly different amount, or later, under a new payoutId.',
  ),
  UNDERFUNDED: held(
    'Less than the expected deposit had come in at the deadline, or than it takes at the price that was accepted.',
    'Have the rest deposited and declared, or assign an unallocated deposit to the payout; or cancel it (its money is freed).',
    [CANCEL],
  ),
  DEPOSIT_MISSING: held(
    'QbitPay does not show the deposit any more that the payout lives on, or not all of its money; the timeline names it. What other payers deposited is not used for it.',
    'Ask QbitPay what became of the deposit. Resume once it is shown again, or cancel the payout: what is missing of its money is not made available.',
    [RESUME, CANCEL],
  ),
  DUPLICATE_AT_PROVIDER: held(
    'QbitPay has more than one payout or order with the same externalOrderId, or still has one of an attempt that was over.',
    'Have QbitPay cancel all but one. Then resolve: adopt the one that stays, also that of an earlier attempt. Where none stays, adopt the one that was known first; of two attempts, the last.',
    [RESOLVE],
  ),
  CONVERTED_BY_PROVIDER: held(
    'QbitPay converted money for the payout by itself (its answer carries a trade): the order of the engine was one too many.',
    'Settle with QbitPay what was converted twice, and compare the balances (npm run reconcile); then resume.',
    [RESUME],
  ),
  CURRENCY_DIFFERS: held(
    'The payout that QbitPay has under this externalOrderId is in another currency than was asked for.',
    'Settle with QbitPay what is to become of it, and compare the balances (npm run reconcile); then resume.',
    [RESUME],
  ),
  DESTINATION_DIFFERS: held(
    'The payout that QbitPay has under this externalOrderId goes to another account than was asked for; the timeline says how that one ends.',
    'Ask QbitPay at once whom it pays, and have it cancelled where that is somebody else; then resume: the payout ends as QbitPay says.',
    [RESUME],
  ),
  ORDER_DIFFERS: held(
    'The order that QbitPay has under this externalOrderId is of another side, pair or amount than was asked for, or was executed at a price beyond the slippage; the timeline says which.',
    'Settle with QbitPay what is to become of it; then resume: what it moved is booked as QbitPay states it, and the payout goes on with what that brought in.',
    [RESUME],
  ),
  STATUS_NOT_KNOWN: held(
    'QbitPay names a status that the engine does not know, or does not show the payout any more; the timeline says which.',
    'Ask QbitPay what became of it. A payout is read on, and ends by itself when QbitPay says that it has ended; an order is read again when you resume. By evidence of your own, resolve: paid where the recipient was paid; close where he was not, once the money shows at QbitPay, or QbitPay does not show the payout at all (the money is then awaited, and can be written off).',
    [RESUME, RESOLVE],
  ),
  ATTEMPT_FAILED: held(
    'QbitPay accepted the payout and then reported it as failed or cancelled; ON_FAILED_ATTEMPT says to hold it, or a person has adopted it.',
    'Wait until its money is back, then retry, with another destination if need be; or cancel the payout (its money is freed). Where QbitPay has another one under the same id, or carries out an earlier attempt after all, resolve: adopt that one. If QbitPay shows that it was paid after all, it ends as paid by itself.',
    [RETRY, RESOLVE, CANCEL],
  ),
  HELD_BY_OPERATOR: held(
    'A person put the payout on hold; the timeline says who, and why.',
    'Resume, or cancel the payout where its money has not left.',
    [RESUME, CANCEL],
  ),
  REFUSAL_PROVISIONAL: waiting(
    'QbitPay refused the request. A refusal can come after the effect: it counts once QbitPay has not shown the request for REFUSAL_WAIT_SECONDS and two complete readings.',
    NOTHING_TO_DO,
  ),
  ID_ALTERED: flagged(
    'QbitPay carries the request under another externalOrderId than it was given.',
    "Tell QbitPay: it must keep the externalOrderId as it was sent. The payout is known by the id of QbitPay's object.",
  ),
  OUTCOME_LOOKED_UP: waiting(
    'A request that moves money was sent and no trustworthy answer came back: the engine looks for it at QbitPay.',
    NOTHING_TO_DO,
  ),
  PRICE_DIFFERS: flagged(
    'QbitPay executed the order at a worse price than the one that it had quoted.',
    'Compare the order with the quote, and ask QbitPay for the difference.',
  ),
  DEBIT_EXCEEDS_LEDGER: held(
    'QbitPay took more than the ledger knows to be in the account, so that it is not booked yet.',
    'Have the money that came in from outside booked (npm run reconcile), and then resume; a payout that QbitPay has is read on, and ends when it is settled and booked.',
    [RESUME],
  ),
  SURPLUS_AT_PROVIDER: flagged(
    'QbitPay accepted a request that the payout does not account for: a second one, or one after its end. The timeline names it.',
    'Ask QbitPay to cancel it. If it was carried out, settle that with whoever got the money, and compare the balances (npm run reconcile).',
  ),
  REOPENED: flagged(
    'The payout had ended without paying, and QbitPay carries it out after all; the timeline says what it shows.',
    'Find out whether the recipient was paid again under another payoutId, and settle that with him. Its money was taken again, what is not there any more as a shortfall.',
  ),
  RETURN_OVERDUE: flagged(
    'The money of the payout has been on its way back for longer than its destination takes.',
    'Ask QbitPay for it. What does not come is written off, with a reason: POST /v1/ledger/adjustments, kind write_off, with the payoutId.',
  ),
  CLOSED_BY_OPERATOR: failed('A person closed the payout: QbitPay did not carry it out.', FREED),
  AMOUNT_SHORT: flagged(
    'QbitPay gives the recipient less than was asked for.',
    'Compare with what the recipient got, and pay the rest under a new payoutId where it is owed; it is never topped up by itself.',
  ),
  AMOUNT_EXCEEDED: flagged(
    'QbitPay gives the recipient more than was asked for.',
    'Settle it with the recipient and with QbitPay; the ledger holds what was taken, what is beyond the money of the payout as a shortfall.',
  ),
  FEE_DIFFERS: flagged(
    'QbitPay took another fee than the account states.',
    'Compare the fee with your contract; the ledger holds what was taken.',
  ),
} satisfies Record<string, FailureDescription>;

export type FailureType = keyof typeof TABLE;
export const FAILURES: Readonly<Record<FailureType, FailureDescription>> = TABLE;
export const FAILURE_TYPES = Object.keys(TABLE) as FailureType[];
export const FAILURE_TYPE = Object.fromEntries(FAILURE_TYPES.map((type) => [type, type])) as {
  readonly [Type in FailureType]: Type;
};

/** What went wrong with one thing; the message is for people. */
export interface Failure {
  readonly type: FailureType;
  readonly message: string;
}

export function isFailureType(word: string): word is FailureType {
  return Object.hasOwn(FAILURES, word);
}

/** The failure types of one kind, as a type: `FailureTypesOf<'held'>` cannot be told from the table by the compiler. */
export function failureTypesOfKind(kind: FailureKind): readonly FailureType[] {
  return FAILURE_TYPES.filter((type) => FAILURES[type].kind === kind);
}

/** Why an action makes no sense for a payout; undefined when it does. */
export function refuseAction(
  status: PayoutStatus,
  holdReason: FailureType | null,
  action: OperatorAction,
): string | undefined {
  if (isFinalStatus(status)) return `the payout has ended as ${status}`;
  if (status !== PAYOUT_STATUS.HELD || holdReason === null) return `the payout is ${status}, not held`;
  const { actions } = FAILURES[holdReason];
  if (actions.includes(action)) return undefined;
  return `the payout is held as ${holdReason}: possible are ${actions.join(', ')}`;
}
