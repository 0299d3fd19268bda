import { z } from 'zod';
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
  const schema = z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max));
  return { form, schema };
}

export function positiveNumber(unit: string, max: number): ValueForm<number> {
  const form = `${unit}, a number above 0 and at most ${max}`;
  const schema = z
    .string()
    .regex(/^\d{1,9}(?:\.\d{1,9})?$/)
    .transform(Number)
    .pipe(z.number().positive().max(max));
  return { form, schema };
}

export function oneOf<const Word extends string>(words: readonly Word[]): ValueForm<Word> {
  const form = new Intl.ListFormat('en', { type: 'disjunction' }).format(words);
  return { form, schema: z.enum(words) };
}

export function trueOrFalse(): ValueForm<boolean> {
  return {
    form: 'true or false',
    schema: z.enum(['true', 'false']).transform((word) => word === 'true'),
  };
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
export function webBaseUrl(form: string): ValueForm<string> {
  return { form, schema: z.string().refine((value) => isUrl(value, ['http:', 'https:']) && isBare(value)) };
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

const NETWORK_PATTERN = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}$/;

/** `USDT:TRC20,USDC:ERC20`: each currency once. */
export function networksByCurrency(): ValueForm<Readonly<Record<string, string>>> {
  const pairs = z
    .string()
    .transform((list) => list.split(',').map((pair) => pair.trim().split(':')))
    .refine((all) => all.every(isCurrencyAndNetwork))
    .refine((all) => new Set(all.map(([currency]) => currency)).size === all.length);
  return {
    form: 'a comma-separated list of CURRENCY:NETWORK, each currency once, such as USDT:TRC20',
    schema: pairs.transform((all) => Object.fromEntries(all) as Record<string, string>),
  };
}

/** `EUR:500,USDT:500`: each currency once; "0" stands for none. */
export function amountsByCurrency(): ValueForm<Readonly<Record<string, string>>> {
  const pairs = z
    .string()
    .transform((list) => (list === '0' ? [] : list.split(',').map((pair) => pair.trim().split(':'))))
    .refine((all) => all.every(isCurrencyAndAmount))
    .refine((all) => new Set(all.map(([currency]) => currency)).size === all.length);
  return {
    form: 'a comma-separated list of CURRENCY:AMOUNT, each currency once, such as EUR:500,USDT:0.5, or 0',
    schema: pairs.transform((all) => Object.fromEntries(all) as Record<string, string>),
  };
}

function isCurrencyAndAmount(pair: readonly string[]): boolean {
  const [currency = '', amount = ''] = pair;
  return pair.length === 2 && CURRENCY_PATTERN.test(currency) && AMOUNT_PATTERN.test(amount);
}

function isCurrencyAndNetwork(pair: readonly string[]): boolean {
  const [currency = '', network = ''] = pair;
  return pair.length === 2 && CURRENCY_PATTERN.test(currency) && NETWORK_PATTERN.test(network);
}
