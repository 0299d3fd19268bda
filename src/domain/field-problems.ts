/** What is wrong with what a caller sent; without any library, for workflows too. */
export interface FieldProblem {
  /** Path of the field, such as `destination.bankName`. */
  readonly field: string;
  readonly message: string;
}

/** The longest text of a destination field or description, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 256;

// Control characters break terminals and logs, NUL and lone surrogates break PostgreSQL and JSON. Characters that nobody
// sees, or that turn the direction, make one name look like another.
export const PRINTABLE = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u;

export function isText(text: unknown): boolean {
  return (
    typeof text === 'string' && text.trim() !== '' && text.length <= MAX_TEXT_LENGTH && PRINTABLE.test(text)
  );
}

export const TEXT_RULE = `must be 1 to ${MAX_TEXT_LENGTH} printable characters`;

export function textProblem(text: unknown, field: string): FieldProblem[] {
  return problemIf(!isText(text), field, TEXT_RULE);
}

export function unknownFields(record: object, known: readonly string[], prefix: string): FieldProblem[] {
  return Object.keys(record)
    .filter((name) => !known.includes(name))
    .map((name) => ({ field: `${prefix}${name.slice(0, 64)}`, message: 'is not a known field' }));
}

export function problemIf(wrong: boolean, field: string, message: string): FieldProblem[] {
  return wrong ? [{ field, message }] : [];
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A decimal string above zero. */
export function isPrice(value: unknown): value is string {
  return typeof value === 'string' && /^(?=.*[1-9])\d{1,18}(?:\.\d{1,18})?$/.test(value);
}
