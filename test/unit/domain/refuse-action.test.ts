import {
  FAILURE_KIND,
  FAILURE_TYPES,
  FAILURES,
  failureTypesOfKind,
  OPERATOR_ACTION,
  refuseAction,
} from '../../../src/domain/failure-type.js';
import { isFinalStatus, PAYOUT_STATUS, PAYOUT_STATUSES } from '../../../src/domain/payout-status.js';

const ACTIONS = Object.values(OPERATOR_ACTION);

describe('refuseAction', () => {
  it.each(failureTypesOfKind(FAILURE_KIND.HELD))(
    'of a payout held as %s takes exactly its actions',
    (reason) => {
      const taken = ACTIONS.filter(
        (action) => refuseAction(PAYOUT_STATUS.HELD, reason, action) === undefined,
      );
      expect([...taken].sort()).toEqual([...FAILURES[reason].actions].sort());
    },
  );

  it.each(failureTypesOfKind(FAILURE_KIND.HELD))('names what is possible when held as %s', (reason) => {
    for (const action of ACTIONS.filter((one) => !FAILURES[reason].actions.includes(one))) {
      expect(refuseAction(PAYOUT_STATUS.HELD, reason, action)).toBe(
        `the payout is held as ${reason}: possible are ${FAILURES[reason].actions.join(', ')}`,
      );
    }
  });

  it.each(PAYOUT_STATUSES.filter((status) => status !== PAYOUT_STATUS.HELD))(
    'takes nothing from anybody while the payout is %s, whatever it waits for',
    (status) => {
      const expected = isFinalStatus(status)
        ? `the payout has ended as ${status}`
        : `the payout is ${status}, not held`;
      for (const action of ACTIONS) {
        for (const reason of [null, ...FAILURE_TYPES]) {
          expect(refuseAction(status, reason, action)).toBe(expected);
        }
      }
    },
  );

  it('refuses where nobody said why it is held', () => {
    for (const action of ACTIONS) expect(refuseAction(PAYOUT_STATUS.HELD, null, action)).toBeDefined();
  });
});
