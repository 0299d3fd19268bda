import fc from 'fast-check';
import { createHash, createHmac } from 'node:crypto';
import {
  isSignatureShaped,
  verifyWebhook,
  type WebhookAlgorithm,
  WEBHOOK_SIGNATURE_HEADER,
} from '../../../src/qbitpay/webhook-signature.js';

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

const md5 = 'md5' as const;
const hmac = 'hmac-sha256' as const;
const bytes = (text: string) => Buffer.from(text, 'utf8');
const verifies = (body: string, signature: string, key = 'k', algorithm: WebhookAlgorithm = md5) =>
  verifyWebhook({ rawBody: bytes(body), signature, keys: [key], algorithm });
const md5Of = (text: string) => createHash('md5').update(text).digest('hex').toUpperCase();

test('the name that senders use stays what it is', () => {
  expect(WEBHOOK_SIGNATURE_HEADER).toBe('qbitpay-signature');
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
  expect(verifies(spaced, MD5, KEY)).toBe(true);
});

test('names in ASCII order, empty values dropped, 0 and false kept, objects as they came', () => {
  const body =
    '{"b":0,"a":false,"Z":"x","empty":"","nothing":null,"o":{"z":1,"a":null},"list":[1,""],"none":{}}';
  const text = 'Z=x&a=false&b=0&list=[1,""]&none={}&o={"z":1,"a":null}&key=k';
  expect(verifies(body, md5Of(text))).toBe(true);
});

test('K34: names that look like integers stay where they stood', () => {
  const body = '{ "data": {"id":"po_1", "b":1,"10": 2 ,"2":3}, "7":"x", "10":{"3":[{"2":0,"1":0}]}}';
  const text = '10={"3":[{"2":0,"1":0}]}&7=x&data={"id":"po_1","b":1,"10":2,"2":3}&key=k';
  expect(verifies(body, md5Of(text))).toBe(true);
});

test('a member that is there twice is signed twice, in the order received', () => {
  const body = '{"b":2,"a":{"x":1,"x":2},"b":1,"a":0}';
  expect(verifies(body, md5Of('a={"x":1,"x":2}&a=0&b=2&b=1&key=k'))).toBe(true);
});

test('an object is signed as JSON.stringify writes it, however it was laid out', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat({ max: 4 }), (data, indent) => {
      const body = JSON.stringify({ data }, null, indent);
      const text = `data=${JSON.stringify(data)}&key=k`;
      expect(verifies(body, md5Of(text))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('numbers are signed with the digits they came with', () => {
  const body = '{"amount":98.10,"data":{"amount":123456789012345678,"fee":0.000001}}';
  const text = 'amount=98.10&data={"amount":123456789012345678,"fee":0.000001}&key=k';
  expect(verifies(body, md5Of(text))).toBe(true);
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
});

test.each([undefined, '', 'x', MD5.toLowerCase(), `${MD5} `, `${MD5}00`, MD5.slice(1), 'é'.repeat(16)])(
  'the signature %j is refused',
  (signature) => {
    expect(verifyWebhook({ rawBody: bytes(BODY), signature, keys: [KEY], algorithm: md5 })).toBe(false);
  },
);

test('what has the shape of a signature: upper-case hex of the length of its algorithm', () => {
  expect([MD5, HMAC].map((signature) => isSignatureShaped(signature, md5))).toEqual([true, false]);
  expect([MD5, HMAC].map((signature) => isSignatureShaped(signature, hmac))).toEqual([false, true]);
  const others = [undefined, '', [MD5], `${MD5}, ${MD5}`, MD5.toLowerCase(), `${MD5}\n`, `${MD5.slice(1)}G`];
  expect(others.filter((other) => isSignatureShaped(other, md5))).toEqual([]);
});

test.each([
  '',
  'null',
  '[]',
  '[1]',
  'true',
  '"x"',
  '{',
  '{"a":1 "b":2}',
  '{"a":1},{"b":2}',
  '['.repeat(200_000),
  Buffer.from([0x7b, 0xff, 0x7d]),
])('a body that is no JSON object is refused, not thrown at', (body) => {
  const rawBody = typeof body === 'string' ? bytes(body) : body;
  // Not even under what the key gives for nothing, or for the word that stands for it.
  for (const signature of [MD5, md5Of(`&key=${KEY}`), md5Of(`undefined&key=${KEY}`)]) {
    expect(verifyWebhook({ rawBody, signature, keys: [KEY], algorithm: md5 })).toBe(false);
  }
});

const names = fc.stringMatching(/^[A-Za-z_0-9]{1,9}$/);
const member = fc.tuple(
  names,
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
      const signature = expectedSignature(entries.map(toWritten), KEY, chosen);
      expect(verifies(toBody(entries), signature, KEY, chosen)).toBe(true);
      expect(verifies(toBody(reordered), signature, KEY, chosen)).toBe(true);
    }),
  );
});

test('a change of any value, any name, the key or the signature is noticed', () => {
  fc.assert(
    fc.property(members, fc.nat(), algorithm, (entries, position, chosen) => {
      const signature = expectedSignature(entries.map(toWritten), KEY, chosen);
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

/** A value as it stands in a body, and as the contract signs it: undefined where it is left out. */
interface Written {
  readonly json: string;
  readonly signed: string | undefined;
}

function toWritten([name, value]: [string, unknown]): [string, Written] {
  const json = JSON.stringify(value);
  if (value === null || value === '') return [name, { json, signed: undefined }];
  return [name, { json, signed: typeof value === 'string' ? value : json }];
}

const numbers = fc.oneof(
  fc.constantFrom('0', '-0', '1e3', '98.10', '0.000001', '123456789012345678901234567890', '1.0E-7'),
  fc.integer().map(String),
);
const scalars: fc.Arbitrary<Written> = fc.oneof(
  fc.string({ unit: 'grapheme' }).map((text) => ({
    json: JSON.stringify(text),
    signed: text === '' ? undefined : text,
  })),
  fc.constantFrom('""', 'null').map((json) => ({ json, signed: undefined })),
  fc.constantFrom('true', 'false').map((json) => ({ json, signed: json })),
  numbers.map((json) => ({ json, signed: json })),
);
const gap = fc.constantFrom('', ' ', '\n', '\t\r\n  ');
/** Inside an object or a list nothing is left out but white space, and the order is the one that came. */
const containers: fc.Arbitrary<Written> = fc.oneof(
  fc.tuple(fc.array(scalars, { maxLength: 4 }), gap).map(([items, space]) => {
    const write = (around: string) =>
      `[${items.map(({ json }) => `${around}${json}${around}`).join(',')}${around}]`;
    return { json: write(space), signed: write('') };
  }),
  fc
    .tuple(fc.uniqueArray(fc.tuple(names, scalars), { selector: ([name]) => name, maxLength: 4 }), gap)
    .map(([entries, space]) => {
      const write = (around: string) =>
        `{${entries.map(([name, { json }]) => `${around}"${name}"${around}:${around}${json}`).join(',')}${around}}`;
      return { json: write(space), signed: write('') };
    }),
);
const written = fc.uniqueArray(fc.tuple(names, fc.oneof(scalars, containers)), {
  selector: ([name]) => name,
  maxLength: 10,
});

/** The signature once more, from the words of the contract and without looking into any JSON. */
function expectedSignature(entries: readonly (readonly [string, Written])[], key: string, chosen: string) {
  const inAsciiOrder = entries.toSorted(([one], [other]) => Buffer.compare(bytes(one), bytes(other)));
  let text = '';
  for (const [name, { signed }] of inAsciiOrder) {
    if (signed !== undefined) text += `${text === '' ? '' : '&'}${name}=${signed}`;
  }
  text += `&key=${key}`;
  const hash = chosen === 'md5' ? createHash('md5') : createHmac('sha256', key);
  return hash.update(bytes(text)).digest('hex').toUpperCase();
}

test('what is signed is the contract’s text: names in ASCII order, nothing empty, values as they came', () => {
  fc.assert(
    fc.property(written, gap, fc.string({ minLength: 1 }), algorithm, (entries, space, key, chosen) => {
      const body = `${space}{${space}${entries
        .map(([name, { json }]) => `"${name}"${space}:${space}${json}`)
        .join(`${space},${space}`)}${space}}${space}`;
      const signature = expectedSignature(entries, key, chosen);
      expect(verifies(body, signature, key, chosen)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('members that are empty may come and go; 0, false, {} and [] may not', () => {
  const empty = fc.constantFrom('null', '""');
  const kept = fc.constantFrom('0', 'false', '{}', '[]', '" "');
  fc.assert(
    fc.property(members, empty, kept, algorithm, (entries, nothing, something, chosen) => {
      const signature = expectedSignature(entries.map(toWritten), KEY, chosen);
      const verifiesWith = (value: string) => {
        const body = `${toBody(entries).slice(0, -1)},"added0000000":${value}}`;
        return verifies(body, signature, KEY, chosen);
      };
      expect(verifiesWith(nothing)).toBe(true);
      expect(verifiesWith(something)).toBe(false);
    }),
  );
});

test('only the signature itself is accepted: no part of it, no more than it, no other letters', () => {
  const signature = HMAC;
  const near = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(...Array.from('0123456789ABCDEF')), minLength: 64, maxLength: 64 }),
    fc.nat({ max: 64 }).map((end) => signature.slice(0, end)),
    fc.nat({ max: 64 }).map((start) => signature.slice(start)),
    fc.string().map((more) => signature + more),
    fc.string().map((before) => before + signature),
    fc.nat({ max: 63 }).map((at) => signature.slice(0, at) + signature.slice(at).toLowerCase()),
    fc
      .tuple(fc.nat({ max: 63 }), fc.constantFrom(...Array.from('0123456789ABCDEFé\u0000')))
      .map(([at, letter]) => signature.slice(0, at) + letter + signature.slice(at + 1)),
  );
  fc.assert(
    fc.property(near, (given) => {
      const event = { rawBody: bytes(BODY), signature: given, keys: ['old', KEY], algorithm: hmac };
      expect(verifyWebhook(event)).toBe(given === signature);
    }),
    { numRuns: 500, examples: [[signature]] },
  );
});

test('with any keys, those verify that signed, and an empty one never', () => {
  const keys = fc.array(fc.constantFrom('', 'a', 'b', 'c', 'd'), { maxLength: 5 });
  fc.assert(
    fc.property(keys, fc.constantFrom('', 'a', 'b', 'c'), algorithm, (accepted, signer, chosen) => {
      const signature = expectedSignature([['a', { json: '1', signed: '1' }]], signer, chosen);
      const event = { rawBody: bytes('{"a":1}'), signature, keys: accepted, algorithm: chosen };
      expect(verifyWebhook(event)).toBe(signer !== '' && accepted.includes(signer));
    }),
  );
});
