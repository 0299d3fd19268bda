import { REQUIRED_DESTINATION_FIELDS } from '../../../src/domain/destination.js';
import { findPayoutRequestProblems } from '../../../src/domain/payout-request.js';
import { payoutRequest } from '../../support/engine-client.js';

const fieldsOf = (candidate: unknown): string[] =>
  findPayoutRequestProblems(candidate).map((problem) => problem.field);

describe('the rules of a payout request', () => {
  test('a good one has no problems', () => {
    expect(findPayoutRequestProblems(payoutRequest())).toEqual([]);
  });

  test.each<[object, string]>([
    [{ payoutId: '' }, 'payoutId'],
    [{ payoutId: '..' }, 'payoutId'],
    [{ payoutId: 'a/b' }, 'payoutId'],
    [{ payoutId: 'a~2' }, 'payoutId'],
    [{ payoutId: 'x'.repeat(65) }, 'payoutId'],
    [{ amount: 5000 }, 'amount'],
    [{ amount: '5000.001' }, 'amount'],
    [{ amount: '-5' }, 'amount'],
    [{ amountMode: 'send', amount: '0.0000001' }, 'amount'],
    [{ currency: 'cny' }, 'currency'],
    [{ fundingCurrency: undefined }, 'fundingCurrency'],
    [{ amountMode: 'both' }, 'amountMode'],
    [{ destination: undefined }, 'destination'],
    [{ destination: { type: 'cheque' } }, 'destination.type'],
    [{ description: '' }, 'description'],
    [{ description: 'a\u0000b' }, 'description'],
    [{ description: '\ud800' }, 'description'],
    ...['\u0085', '\u200b', '\u202e', '\u2028', '\u2029', '\ufeff'].map((invisible): [object, string] => [
      { description: `a${invisible}b` },
      'description',
    ]),
    [{ policy: { maxSlippageBps: 5000 } }, 'policy'],
  ])('%j is refused, naming the field', (changes, field) => {
    expect(fieldsOf(payoutRequest(changes))).toContain(field);
  });

  test('no part of a destination has what nobody sees', () => {
    const destination = { ...payoutRequest().destination, payerName: 'Li\u200b Wei', bankName: 'Bank' };
    expect(fieldsOf(payoutRequest({ destination }))).toEqual(['destination.payerName']);
  });

  test('every destination needs its fields', () => {
    for (const [type, required] of Object.entries(REQUIRED_DESTINATION_FIELDS)) {
      const fields = fieldsOf(payoutRequest({ destination: { type } }));
      expect(fields).toEqual(required.map((field) => `destination.${field}`));
    }
  });

  test('no message repeats a value', () => {
    const secret = '6222-secret';
    const problems = findPayoutRequestProblems(
      payoutRequest({
        destination: { type: 'bankAccount', bankAccountNum: `${secret}\u0007` },
        amount: secret,
      }),
    );
    expect(problems.length).toBeGreaterThan(2);
    expect(JSON.stringify(problems)).not.toContain(secret);
  });

  test.each([null, undefined, 'text', 7, []])('%j is no request at all', (candidate) => {
    expect(findPayoutRequestProblems(candidate)).toEqual([{ field: '', message: 'must be an object' }]);
  });
});
