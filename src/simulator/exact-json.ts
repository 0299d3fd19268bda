import { LosslessNumber, parse, stringify } from 'lossless-json';
import { addAmounts } from '../domain/money.js';

/** Parses a body without losing digits; numbers become `LosslessNumber`. Throws on malformed JSON. */
export const parseExactJson = (text: string): unknown => parse(text);

/** The same, but text that is no JSON stays text. */
export function parseLeniently(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

/** Serialises an answer or event; members that are undefined are left out, as JSON.stringify does. */
export const toExactJson = (value: unknown): string => stringify(value) ?? 'null';

/** A decimal string as a bare JSON number with exactly its digits ("98.10" goes out as 98.1). */
export const exactNumber = (amount: string): LosslessNumber => new LosslessNumber(addAmounts(amount));
