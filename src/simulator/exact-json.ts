import { LosslessNumber, parse, stringify } from 'lossless-json';
import { addAmounts } from '../domain/money.js';

/** JSON with exact numbers: what goes over the wire never passes through a float, in either direction. */

/** A decimal string as a bare JSON number with exactly its digits ("98.10" goes out as 98.1). */
export function exactNumber(amount: string): LosslessNumber {
  return new LosslessNumber(addAmounts(amount));
}

/** Serialises an answer or event; members that are undefined are left out, as JSON.stringify does. */
export function toExactJson(value: unknown): string {
  return stringify(value) ?? 'null';
}

/** Parses a body without losing digits; numbers become `LosslessNumber`. Throws on malformed JSON. */
export function parseExactJson(text: string): unknown {
  return parse(text);
}
