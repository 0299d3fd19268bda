import { accountEndingOf, isOtherAccount } from '../../../src/domain/destination.js';

const ASKED = { bankAccountNum: '6222020200112233445' };
const IBAN = { bankAccountNum: 'DE89 3704 0044 0532 0130 00' };
const WALLET = { addr: '0x52908400098527886E0F7030069857D2E4169EE7' };

test.each([
  ['the same', '6222020200112233445', ASKED, false],
  ['another one', '6222020200110000', ASKED, true],
  ['masked before its ending', '****3445', ASKED, false],
  ['another one, masked before its ending', '****0000', ASKED, true],
  ['masked at its end', '62220202****', ASKED, false],
  ['too short to tell', '445', ASKED, false],
  ['the same without its spaces', 'DE89370400440532013000', IBAN, false],
  ['the same in lower case', WALLET.addr.toLowerCase(), WALLET, false],
  ['anything, where ours is too short to tell', '6222020200110000', { bankAccountNum: '12345' }, false],
])('QbitPay shows %s', (_what, shown, asked, isOther) => {
  expect(isOtherAccount(accountEndingOf({ bankAccountNum: shown }), [asked])).toBe(isOther);
});

test('no account is none of ours, and any of the attempts is', () => {
  expect(isOtherAccount(accountEndingOf({}), [ASKED])).toBe(false);
  expect(isOtherAccount(accountEndingOf(IBAN), [ASKED, IBAN])).toBe(false);
});
