import { z } from 'zod';
import { API_SCOPE, type ApiKeyEntry } from '../domain/api-key-entry.js';
import { DEFAULT_OWNER, NAME_PATTERN, NAME_RULE } from '../domain/identifiers.js';
import { AMOUNT_PATTERN, CURRENCY_PATTERN } from '../domain/money.js';

/** How the text of a variable is read: strictly, and with words for whoever got it wrong. */
export interface ValueForm<T> {
  /** Completes "NAME must be …", and stands in .env.example. */
  readonly form: string;
  readonly schema: z.ZodType<T, string>;
}

/** Decimal digits only: what `parseInt` would read out of "10abc" or "1e3" is refused. */
export function wholeNumber(unit: string, min: number, max: number): ValueForm<number> {
  const form = `${unit}, a whole number from ${min} to ${max}`;
  return { form, schema: numberText(/^\d{1,15}$/).pipe(z.int().min(min).max(max)) };
}

export function positiveNumber(unit: string, max: number): ValueForm<number> {
  const form = `${unit}, a number above 0 and at most ${max}`;
  return { form, schema: numberText(/^\d{1,9}(?:\.\d{1,9})?$/).pipe(z.number().positive().max(max)) };
}

function numberText(pattern: RegExp) {
  return z.string().regex(pattern).transform(Number);
}

export function oneOf<const Word extends string>(words: readonly Word[]): ValueForm<Word> {
  const form = new Intl.ListFormat('en', { type: 'disjunction' }).format(words);
  return { form, schema: z.enum(words) };
}

export function trueOrFalse(): ValueForm<boolean> {
  const schema = z.enum(['true', 'false']).transform((word) => word === 'true');
  return { form: 'true or false', schema };
}

export function text(form: string, pattern = /^[^\p{Cc}]+$/u): ValueForm<string> {
  return { form, schema: z.string().regex(pattern) };
}

export function url(form: string, schemes: readonly string[]): ValueForm<string> {
  return { form, schema: z.string().refine((value) => isUrl(value, schemes)) };
}

function isUrl(value: string, schemes: readonly string[]): boolean {
  return !/\s/.test(value) && URL.canParse(value) && schemes.includes(new URL(value).protocol);
}

/** The base of a web API: credentials, a query or a fragment in it would be lost or sent to the wrong place. */
export function webBaseUrl(): ValueForm<string> {
  return {
    form: 'an http:// or https:// URL without credentials, query and fragment',
    schema: z.string().refine((value) => isUrl(value, ['http:', 'https:']) && isBare(value)),
  };
}

function isBare(value: string): boolean {
  const { username, password, search, hash } = new URL(value);
  return `${username}${password}${search}${hash}` === '';
}

/** Words separated by commas, white space around them dropped; none empty, none twice. */
export function commaList(form: string, wordPattern: RegExp): ValueForm<readonly string[]> {
  const schema = z
    .string()
    .transform((list) => list.split(',').map((word) => word.trim()))
    .refine((words) => words.every((word) => wordPattern.test(word)))
    .refine((words) => new Set(words).size === words.length);
  return { form, schema };
}

type ByCurrency = Readonly<Record<string, string>>;

/** Pairs of a currency and a value, such as `USDT:TRC20,USDC:ERC20`, each currency once. */
export function byCurrency(form: string, valuePattern: RegExp): ValueForm<ByCurrency> {
  const isPair = ([currency = '', value = '', ...rest]: readonly string[]): boolean =>
    rest.length === 0 && CURRENCY_PATTERN.test(currency) && valuePattern.test(value);
  const schema = z
    .string()
    .transform((list) => list.split(',').map((pair) => pair.trim().split(':')))
    .refine((pairs) => pairs.every(isPair))
    .refine((pairs) => new Set(pairs.map(([currency]) => currency)).size === pairs.length)
    .transform((pairs) => Object.fromEntries(pairs) as ByCurrency);
  return { form, schema };
}

/** `EUR:500,USDT:500`; "0" stands for none. */
export function amountsByCurrency(): ValueForm<ByCurrency> {
  const form =
    'a comma-separated list of CURRENCY:AMOUNT, each currency once, such as EUR:500,USDT:0.5, or 0';
  const { schema } = byCurrency(form, AMOUNT_PATTERN);
  return { form, schema: z.union([z.literal('0').transform(() => ({})), schema]) };
}

const API_SCOPES = Object.values(API_SCOPE);

const SHA256_PATTERN = /^[0-9a-f]{64}$/i;

const ENTRY_FORM = 'name:scope+scope:sha256-hex-of-the-key or name:scope+scope:sha256-hex-of-the-key:owner';

/** `name:scope+scope:sha256-hex-of-the-key:owner`, separated by commas; the owner may be left out. Messages name entries by position and name only. */
export function apiKeyEntries(): ValueForm<readonly ApiKeyEntry[]> {
  return {
    form: `a comma-separated list of ${ENTRY_FORM}, scopes create, read, operate`,
    schema: z.string().transform((text, context) => {
      const entries: ApiKeyEntry[] = [];
      for (const [index, entryText] of text.split(',').entries()) {
        const entry = parseEntry(entryText.trim());
        if (typeof entry === 'string') return refuse(context, `is wrong in entry ${index + 1}: ${entry}`);
        const repetition = findRepetition(entries, entry);
        if (repetition !== undefined) return refuse(context, repetition);
        entries.push(entry);
      }
      return entries;
    }),
  };
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}

/** The entry, or what is wrong with it. */
function parseEntry(text: string): ApiKeyEntry | string {
  const parts = text.split(':');
  const [name = '', scopeList = '', sha256 = '', owner = DEFAULT_OWNER] = parts;
  if (parts.length < 3 || parts.length > 4) return `it must be ${ENTRY_FORM}`;
  if (!NAME_PATTERN.test(name)) return `the name ${NAME_RULE}`;
  const words = scopeList.split('+');
  const scopes = API_SCOPES.filter((scope) => words.includes(scope));
  if (scopes.length !== words.length) {
    return `the scopes must be ${API_SCOPES.join(', ')}, each at most once, joined by "+"`;
  }
  if (!SHA256_PATTERN.test(sha256)) {
    return 'the third part must be the SHA-256 of the key, 64 hexadecimal digits (printf %s "$KEY" | sha256sum)';
  }
  if (!NAME_PATTERN.test(owner)) return `the owner ${NAME_RULE}`;
  return { name, scopes, sha256: sha256.toLowerCase(), owner };
}

function findRepetition(entries: readonly ApiKeyEntry[], { name, sha256 }: ApiKeyEntry): string | undefined {
  if (entries.some((other) => other.name === name)) {
    return `names "${name}" twice: every key needs a name of its own`;
  }
  if (entries.some((other) => other.sha256 === sha256)) {
    return `gives "${name}" the key of another name: every name needs a key of its own`;
  }
  return undefined;
}
