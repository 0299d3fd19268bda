import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { signWebhook, verifyWebhook, WEBHOOK_ALGORITHM } from '../../../src/qbitpay/webhook-signature.js';

/** The known answer that the provider published; the HMAC is computed over the same text. */
const KEY = 'T9uTy95uSifOOuTy';
const MD5 = 'EE53810FF1341779F2FF25989A67DCFC';
const HMAC = '2018EE9649AEBCF37D4383B0D765961918E1B8EABFA4BDC1041AD9C88FFC5D0D';
const BODY =
  '{"id":"fDOuTy95uSiTi","type":"charge.succeeded","createdAt":"2019-02-25T16:13:12.278Z","object":"event",' +
  '"pendingWebhooks":0,"livemode":true,"data":{"id":"5","object":"charge",' +
  '"createdAt":"2019-02-25T16:13:12.278Z","paid":false,"status":"pending","amount":1000,"currency":"USD",' +
  '"externalOrderId":"DTSifOuTy95ui",' +
  '"paymentPageUrl":"https://qbitpay.blockscape.co/?zh#/otc/payment?tradeId=DTSifOuTy95ifOuTy95",' +
  '"cbUrl":"https://api.blockscape.co","redirectUrl":"https://qbitpay.blockscape.co"}}';

const { MD5: md5, HMAC_SHA256: hmac } = WEBHOOK_ALGORITHM;
const bytes = (text: string) => Buffer.from(text, 'utf8');
const md5Of = (text: string) => createHash('md5').update(text).digest('hex').toUpperCase();

test('the published known answer is reproduced', () => {
  expect(signWebhook({ body: BODY, key: KEY, algorithm: md5 })).toBe(MD5);
  expect(signWebhook({ body: bytes(BODY), key: KEY, algorithm: hmac })).toBe(HMAC);
});

test('the known answers verify, each under its own algorithm only', () => {
  const verify = (signature: string, algorithm: typeof md5 | typeof hmac) =>
    verifyWebhook({ rawBody: bytes(BODY), signature, keys: [KEY], algorithm });
  expect(verify(MD5, md5)).toBe(true);
  expect(verify(HMAC, hmac)).toBe(true);
  expect(verify(MD5, hmac)).toBe(false);
  expect(verify(HMAC, md5)).toBe(false);
});

test('white space between members does not matter, the text of the members does', () => {
  const spaced = JSON.stringify(JSON.parse(BODY), null, 2);
  expect(signWebhook({ body: spaced, key: KEY, algorithm: md5 })).toBe(MD5);
});

test('names in ASCII order, empty values dropped, 0 and false kept, objects as they came', () => {
  const body =
    '{"b":0,"a":false,"Z":"x","empty":"","nothing":null,"o":{"z":1,"a":null},"list":[1,""],"none":{}}';
  const text = 'Z=x&a=false&b=0&list=[1,""]&none={}&o={"z":1,"a":null}&key=k';
  expect(signWebhook({ body, key: 'k', algorithm: md5 })).toBe(md5Of(text));
});

test('numbers are signed with the digits they came with', () => {
  const body = '{"amount":98.10,"data":{"amount":123456789012345678,"fee":0.000001}}';
  const text = 'amount=98.10&data={"amount":123456789012345678,"fee":0.000001}&key=k';
  expect(signWebhook({ body, key: 'k', algorithm: md5 })).toBe(md5Of(text));
});

test('any of several keys is accepted, no other and never an empty one', () => {
  const verify = (keys: string[], signature: string | undefined = MD5) =>
    verifyWebhook({ rawBody: bytes(BODY), signature, keys, algorithm: md5 });
  expect(verify(['old', KEY])).toBe(true);
  expect(verify([KEY, 'new'])).toBe(true);
  expect(verify(['old', 'new'])).toBe(false);
  expect(verify([])).toBe(false);
  expect(verify([KEY, ''], md5Of('a=1&key='))).toBe(false);
  const forged = { rawBody: bytes('{"a":1}'), signature: md5Of('a=1&key='), keys: [''], algorithm: md5 };
  expect(verifyWebhook(forged)).toBe(false);
  expect(() => signWebhook({ body: BODY, key: '', algorithm: md5 })).toThrow(RangeError);
});

test.each([undefined, '', 'x', MD5.toLowerCase(), `${MD5} `, `${MD5}00`, MD5.slice(1), 'é'.repeat(16)])(
  'the signature %j is refused',
  (signature) => {
    expect(verifyWebhook({ rawBody: bytes(BODY), signature, keys: [KEY], algorithm: md5 })).toBe(false);
  },
);

test.each([
  '',
  'null',
  '[]',
  '"x"',
  '{',
  '{"a":1,"a":2}',
  '['.repeat(200_000),
  Buffer.from([0x7b, 0xff, 0x7d]),
])('a body that is no JSON object is refused, not thrown at', (body) => {
  const rawBody = typeof body === 'string' ? bytes(body) : body;
  expect(verifyWebhook({ rawBody, signature: MD5, keys: [KEY], algorithm: md5 })).toBe(false);
});

const member = fc.tuple(
  // Integer-like names are reordered by every JavaScript engine; the provider's are words.
  fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/),
  fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.dictionary(fc.string(), fc.string()),
  ),
);
const members = fc.uniqueArray(member, { selector: ([name]) => name, minLength: 1, maxLength: 8 });
const algorithm = fc.constantFrom(md5, hmac);
const toBody = (entries: [string, unknown][]) =>
  `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;

test('the order of the top-level members does not matter', () => {
  const shuffled = members.chain((entries) =>
    fc.tuple(fc.constant(entries), fc.shuffledSubarray(entries, { minLength: entries.length })),
  );
  fc.assert(
    fc.property(shuffled, algorithm, ([entries, reordered], chosen) => {
      const sign = (from: [string, unknown][]) =>
        signWebhook({ body: toBody(from), key: KEY, algorithm: chosen });
      expect(sign(reordered)).toBe(sign(entries));
    }),
  );
});

test('a change of any value, any name, the key or the signature is noticed', () => {
  fc.assert(
    fc.property(members, fc.nat(), algorithm, (entries, position, chosen) => {
      const signature = signWebhook({ body: toBody(entries), key: KEY, algorithm: chosen });
      const index = position % entries.length;
      const [name, value] = entries[index]!;
      const verify = (changed: [string, unknown][], keys = [KEY], given = signature) =>
        verifyWebhook({ rawBody: bytes(toBody(changed)), signature: given, keys, algorithm: chosen });
      expect(verify(entries)).toBe(true);
      expect(verify(entries.with(index, [name, `${JSON.stringify(value)}!`]))).toBe(false);
      expect(verify(entries.with(index, [`${name}0`, value === null || value === '' ? 'x' : value]))).toBe(
        false,
      );
      expect(verify([...entries, ['added0000000', 1]])).toBe(false);
      expect(verify(entries, [`${KEY}x`])).toBe(false);
      const digit = signature[position % signature.length] === '0' ? '1' : '0';
      const at = position % signature.length;
      expect(verify(entries, [KEY], signature.slice(0, at) + digit + signature.slice(at + 1))).toBe(false);
    }),
  );
});
