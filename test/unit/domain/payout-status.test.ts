import fc from 'fast-check';
import {
  canTransition,
  isFinalStatus,
  LEGAL_TRANSITIONS,
  PAYOUT_STATUS,
  PAYOUT_STATUSES,
  type PayoutStatus,
} from '../../../src/domain/payout-status.js';

const statuses = fc.constantFrom(...PAYOUT_STATUSES);

describe('the life of a payout', () => {
  test('ends in exactly these statuses', () => {
    expect(PAYOUT_STATUSES.filter(isFinalStatus).sort()).toEqual([
      'cancelled',
      'expired',
      'failed',
      'paid',
      'rejected',
    ]);
  });

  test('nothing ever follows an end', () => {
    fc.assert(
      fc.property(statuses, statuses, (from, to) => {
        if (isFinalStatus(from)) expect(canTransition(from, to)).toBe(false);
      }),
    );
  });

  test('every status is reached from the first one, and leads to an end', () => {
    const reached = new Set<PayoutStatus>([PAYOUT_STATUS.OPENING]);
    for (const status of reached) LEGAL_TRANSITIONS[status].forEach((next) => reached.add(next));
    expect([...reached].sort()).toEqual([...PAYOUT_STATUSES].sort());
    for (const status of PAYOUT_STATUSES.filter((one) => !isFinalStatus(one))) {
      const later = new Set<PayoutStatus>(LEGAL_TRANSITIONS[status]);
      for (const next of later) LEGAL_TRANSITIONS[next].forEach((one) => later.add(one));
      expect([...later].some(isFinalStatus)).toBe(true);
    }
  });

  test('only an accepted payout is paid', () => {
    const before = PAYOUT_STATUSES.filter((status) => canTransition(status, PAYOUT_STATUS.PAID));
    expect(before).toEqual([PAYOUT_STATUS.IN_TRANSIT]);
  });

  test('money that may have left cannot be cancelled by the engine before the provider says so', () => {
    expect(canTransition(PAYOUT_STATUS.CONVERTING, PAYOUT_STATUS.CANCELLED)).toBe(false);
    expect(canTransition(PAYOUT_STATUS.PAYING, PAYOUT_STATUS.CANCELLED)).toBe(false);
  });
});
