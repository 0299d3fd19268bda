import { LosslessNumber, parse, stringify } from 'lossless-json';
import { toPlainDecimal } from '../domain/money.js';

/**
 * JSON in which no number ever becomes a float. Numbers of an answer come out as plain decimal strings
 * with the digits they had on the wire; decimal strings of a request go onto the wire as bare numbers.
 */

/** A decimal without exponent, written as JSON writes numbers: `98.10`, `-0.5`, never `.5` or `007`. */
export const PLAIN_DECIMAL_PATTERN = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

/** Longer numbers are nobody's money; the limit also bounds what an exponent can blow up to. */
export const MAX_DECIMAL_LENGTH = 64;

const EXPONENT = /[eE]([+-]?\d+)$/;

/**
 * Parses UTF-8 JSON. Every number becomes a string: as it was written or, where it had an exponent that is
 * not absurd, as a plain decimal.
 * @throws Error for anything that is not one JSON text, including a member named twice with two values.
 */
export function parseDecimalJson(bytes: Uint8Array): unknown {
  return parse(decodeUtf8(bytes), undefined, { parseNumber: withoutExponent });
}

/** @throws TypeError when the bytes are not UTF-8: a replacement character would hide the damage. */
export function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

/** The JSON text of a request body; numbers in it come from {@link jsonNumber}. */
export function stringifyDecimalJson(body: object): string {
  return stringify(body) ?? '';
}

/** A bare JSON number with exactly the digits of `decimal`. @throws RangeError for anything but 0, 98.10, … */
export function jsonNumber(name: string, decimal: string): LosslessNumber {
  const isPlain = PLAIN_DECIMAL_PATTERN.test(decimal) && !decimal.startsWith('-');
  if (!isPlain || decimal.length > MAX_DECIMAL_LENGTH) {
    throw new RangeError(`${name} is not a plain decimal of 0 or more`);
  }
  return new LosslessNumber(decimal);
}

function withoutExponent(number: string): string {
  const exponent = EXPONENT.exec(number)?.[1];
  if (exponent === undefined || Math.abs(Number(exponent)) > MAX_DECIMAL_LENGTH) return number;
  return toPlainDecimal(number);
}
