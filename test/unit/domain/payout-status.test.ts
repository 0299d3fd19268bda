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

/**
 * The table once more, as text: the words are in databases, APIs and histories, so that a changed one is a
 * decision. Read down for where a payout is, across for where it may go.
 */
const TRANSITIONS: Readonly<Record<PayoutStatus, string>> = {
  opening: 'awaiting_deposit awaiting_balance rejected cancelled held',
  awaiting_deposit: 'converting paying expired cancelled failed held',
  awaiting_balance: 'converting paying cancelled failed held',
  converting: 'paying cancelled failed held',
  paying: 'in_transit cancelled failed held',
  in_transit: 'paid failed cancelled held',
  held: 'opening awaiting_deposit awaiting_balance converting paying in_transit paid failed cancelled',
  paid: 'returned',
  failed: 'in_transit',
  cancelled: 'in_transit',
  expired: 'in_transit',
  rejected: 'in_transit',
  returned: 'in_transit',
};
const ENDS = ['cancelled', 'expired', 'failed', 'paid', 'rejected', 'returned'];
const followersOf = (status: PayoutStatus): string[] => TRANSITIONS[status].split(' ').filter(Boolean);

/** A walk along legal transitions: each number chooses among those that there are. */
const walks = fc.array(fc.nat(), { maxLength: 30 }).map((choices) => {
  const path: PayoutStatus[] = [PAYOUT_STATUS.OPENING];
  for (const choice of choices) {
    const next = LEGAL_TRANSITIONS[path.at(-1)!];
    if (next.length > 0) path.push(next[choice % next.length]!);
  }
  return path;
});

describe('the table of transitions', () => {
  test('has exactly these statuses', () => {
    expect([...PAYOUT_STATUSES].sort()).toEqual(Object.keys(TRANSITIONS).sort());
    expect(Object.keys(LEGAL_TRANSITIONS).sort()).toEqual(Object.keys(TRANSITIONS).sort());
    for (const [name, word] of Object.entries(PAYOUT_STATUS)) expect(word).toBe(name.toLowerCase());
  });

  test('allows exactly these transitions, between any two statuses', () => {
    fc.assert(
      fc.property(statuses, statuses, (from, to) => {
        expect([from, to, canTransition(from, to)]).toEqual([from, to, followersOf(from).includes(to)]);
        expect(isFinalStatus(from)).toBe(ENDS.includes(from));
      }),
      // Often enough that no pair is missed.
      {
        numRuns: 2_000,
        examples: PAYOUT_STATUSES.flatMap((a) => PAYOUT_STATUSES.map((b) => [a, b] as const)),
      },
    );
  });

  test('is closed: it leads to statuses that it has, to each once, and never to where it stands', () => {
    for (const from of PAYOUT_STATUSES) {
      const next = LEGAL_TRANSITIONS[from];
      expect(PAYOUT_STATUSES).toEqual(expect.arrayContaining([...next]));
      expect(new Set(next).size).toBe(next.length);
      expect(next).not.toContain(from);
    }
  });

  test('along any walk a payout opens at first or after a hold, and leaves an end in transit or sent back', () => {
    fc.assert(
      fc.property(walks, (path) => {
        path.forEach((status, index) => {
          if (status === PAYOUT_STATUS.OPENING && index > 0) expect(path[index - 1]).toBe(PAYOUT_STATUS.HELD);
        });
        path.slice(1).forEach((to, index) => {
          const from = path[index]!;
          expect(canTransition(from, to)).toBe(true);
          if (to === PAYOUT_STATUS.EXPIRED) expect(from).toBe(PAYOUT_STATUS.AWAITING_DEPOSIT);
          if (to === PAYOUT_STATUS.REJECTED) expect(from).toBe(PAYOUT_STATUS.OPENING);
          if (to === PAYOUT_STATUS.RETURNED) expect(from).toBe(PAYOUT_STATUS.PAID);
          if (isFinalStatus(from)) expect([PAYOUT_STATUS.IN_TRANSIT, PAYOUT_STATUS.RETURNED]).toContain(to);
        });
      }),
      { numRuns: 500 },
    );
  });
});

describe('the life of a payout', () => {
  test('ends in exactly these statuses', () => {
    expect(PAYOUT_STATUSES.filter(isFinalStatus).sort()).toEqual(ENDS);
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

  test('only an accepted payout is paid, on hold or not', () => {
    const before = PAYOUT_STATUSES.filter((status) => canTransition(status, PAYOUT_STATUS.PAID));
    expect(before).toEqual([PAYOUT_STATUS.IN_TRANSIT, PAYOUT_STATUS.HELD]);
  });

  test('whatever an open payout is doing can be put on hold, and taken on again where it was', () => {
    const open = PAYOUT_STATUSES.filter((status) => !isFinalStatus(status) && status !== PAYOUT_STATUS.HELD);
    for (const status of open) {
      expect([status, canTransition(status, PAYOUT_STATUS.HELD)]).toEqual([status, true]);
      expect([status, canTransition(PAYOUT_STATUS.HELD, status)]).toEqual([status, true]);
    }
  });

  test('a held payout neither expires nor is rejected', () => {
    expect(canTransition(PAYOUT_STATUS.HELD, PAYOUT_STATUS.EXPIRED)).toBe(false);
    expect(canTransition(PAYOUT_STATUS.HELD, PAYOUT_STATUS.REJECTED)).toBe(false);
  });
});
