import { AMOUNT_PATTERN, compareAmounts } from '../domain/money.js';
import { numberDigits } from './exact-json.js';
import { badRequest } from './provider-error.js';

const MAX_TEXT_LENGTH = 1000;
const DECIMAL_RULE = 'must be a number of at most 18 digits before and 8 after the point';

/**
 * Strict reading of a request's parameters: every reader either answers the value or throws a 400 that names
 * the field, and `end()` refuses whatever nobody read. Null counts as not given.
 */
export class RequestFields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #prefix: string;
  readonly #decimalTexts: boolean;
  readonly #read = new Set<string>();

  /** With `decimalTexts`, an amount may also be a text of decimal digits, as other systems carry it. */
  constructor(source: unknown, prefix = '', decimalTexts = false) {
    if (typeof source !== 'object' || source === null || Array.isArray(source)) {
      throw badRequest(`${prefix === '' ? 'the body' : prefix} must be a JSON object`, prefix || 'body');
    }
    this.#values = source as Record<string, unknown>;
    this.#prefix = prefix === '' ? '' : `${prefix}.`;
    this.#decimalTexts = decimalTexts;
  }

  text(name: string): string {
    return this.optionalText(name) ?? this.#missing(name);
  }

  optionalText(name: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value.trim() === '' || value.length > MAX_TEXT_LENGTH) {
      return this.#wrong(name, `must be a text of 1 to ${MAX_TEXT_LENGTH} characters`);
    }
    return value;
  }

  /** A positive amount: a JSON number in plain decimal notation; its digits are kept. */
  amount(name: string): string {
    return this.optionalAmount(name) ?? this.#missing(name);
  }

  optionalAmount(name: string): string | undefined {
    const value = this.optionalDecimal(name);
    if (value !== undefined && compareAmounts(value, '0') <= 0) return this.#wrong(name, 'must be positive');
    return value;
  }

  /** An amount with a sign, to be added or taken away; never zero. */
  signedAmount(name: string): string {
    const digits = this.#digits(name) ?? this.#missing(name);
    if (!AMOUNT_PATTERN.test(digits.replace(/^-/, ''))) return this.#wrong(name, DECIMAL_RULE);
    if (compareAmounts(digits, '0') === 0) return this.#wrong(name, 'must not be zero');
    return digits;
  }

  /** Zero or a positive JSON number in plain decimal notation. */
  optionalDecimal(name: string): string | undefined {
    const digits = this.#digits(name);
    if (digits !== undefined && !AMOUNT_PATTERN.test(digits)) return this.#wrong(name, DECIMAL_RULE);
    return digits;
  }

  optionalInteger(name: string, min: number, max: number): number | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const digits = typeof value === 'string' ? value : numberDigits(value);
    const number = digits !== undefined && /^\d{1,15}$/.test(digits) ? Number(digits) : Number.NaN;
    if (!(number >= min && number <= max)) {
      return this.#wrong(name, `must be an integer from ${min} to ${max}`);
    }
    return number;
  }

  optionalBoolean(name: string): boolean | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    return typeof value === 'boolean' ? value : this.#wrong(name, 'must be true or false');
  }

  choice<T extends string>(name: string, values: readonly T[]): T {
    return this.optionalChoice(name, values) ?? this.#missing(name);
  }

  optionalChoice<T extends string>(name: string, values: readonly T[]): T | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    return values.find((one) => one === value) ?? this.#wrong(name, `must be one of ${values.join(', ')}`);
  }

  object(name: string): RequestFields {
    return this.optionalObject(name) ?? this.#missing(name);
  }

  optionalObject(name: string): RequestFields | undefined {
    const value = this.#take(name);
    return value === undefined
      ? undefined
      : new RequestFields(value, `${this.#prefix}${name}`, this.#decimalTexts);
  }

  optionalObjects(name: string): RequestFields[] | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return this.#wrong(name, 'must be a list');
    return value.map(
      (one, index) => new RequestFields(one, `${this.#prefix}${name}[${index}]`, this.#decimalTexts),
    );
  }

  /** A JSON object taken as it is, its numbers exact. */
  json(name: string): unknown {
    const value = this.#take(name);
    if (typeof value !== 'object') return this.#wrong(name, 'must be a JSON object');
    return value;
  }

  /** True when the field was sent as an explicit null. */
  isNull(name: string): boolean {
    this.#read.add(name);
    return this.#values[name] === null;
  }

  /** Refuses parameters that nobody read: the simulator answers 400 where the provider's silence is unknown. */
  end(): void {
    const unknown = Object.keys(this.#values).find((name) => !this.#read.has(name));
    if (unknown !== undefined) throw badRequest(`unknown parameter ${this.#prefix}${unknown}`, unknown);
  }

  #take(name: string): unknown {
    this.#read.add(name);
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    return value === null ? undefined : value;
  }

  /** What was sent for a decimal, as text that is still to be checked. */
  #digits(name: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const text = this.#decimalTexts && typeof value === 'string' ? value : undefined;
    return text ?? numberDigits(value) ?? this.#wrong(name, DECIMAL_RULE);
  }

  #missing(name: string): never {
    return this.#wrong(name, 'is required');
  }

  #wrong(name: string, rule: string): never {
    throw badRequest(`${this.#prefix}${name} ${rule}`, `${this.#prefix}${name}`);
  }
}
