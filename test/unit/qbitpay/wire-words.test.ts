import { printableId, printableWord } from '../../../src/qbitpay/wire-words.js';

test.each([
  ['inReview', 'inReview'],
  ['USDT', 'USDT'],
  ['onHold_2', 'onHold_2'],
  ['acct6222020200', 'acct***'],
  ['李伟', '?'],
  ['LI WEI', '?'],
  ['returned (4929884100275513)', '?'],
  ['4929884100275513', '?'],
  ['x'.repeat(41), '?'],
  ['', '?'],
])('K46: of QbitPay’s word "%s" people see "%s"', (word, shown) => {
  expect(printableWord(word)).toBe(shown);
});

test.each([
  ['inv-2026-0001', 'inv-2026-0001'],
  ['inv-2026-0001 LI WEI', 'what is no id'],
  ['李伟', 'what is no id'],
])('K46: of QbitPay’s id "%s" people see "%s"', (id, shown) => {
  expect(printableId(id)).toBe(shown);
});
