import { addAmounts, compareAmounts, subtractAmounts } from './money.js';
import type { Discrepancy } from './reconciliation.js';

/** Signed amounts by currency. */
export type Nets = ReadonlyMap<string, string>;

export const NO_NETS: Nets = new Map();

export function isZero(amount: string): boolean {
  return compareAmounts(amount, '0') === 0;
}

export function sumNets(parts: Iterable<{ readonly currency: string; readonly net: string }>): Nets {
  const sums = new Map<string, string>();
  for (const { currency, net } of parts) sums.set(currency, addAmounts(sums.get(currency) ?? '0', net));
  return sums;
}

/** What is left of `nets` without `taken`, in the currencies of both. */
export function subtractNets(nets: Nets, taken: Nets): Nets {
  const rest = new Map(nets);
  for (const [currency, net] of taken) rest.set(currency, subtractAmounts(rest.get(currency) ?? '0', net));
  return rest;
}

/** What one run finds: the discrepancies, what is under way, and by how much both explain the balances. */
export class Discrepancies {
  readonly discrepancies: Discrepancy[] = [];
  readonly #explained = new Map<string, string>();
  readonly #gone: { readonly currency: string; readonly net: string }[] = [];
  readonly #ranAtMs: number;
  readonly #graceMs: number;
  #inFlight = 0;

  constructor(ranAtMs: number, graceMs: number) {
    this.#ranAtMs = ranAtMs;
    this.#graceMs = graceMs;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** By currency: provider less ledger, as far as it is known why. */
  get explained(): Nets {
    return this.#explained;
  }

  /** What each transaction that is not shown would take along with it, in one currency. */
  goneIn(currency: string): readonly string[] {
    return this.#gone.filter((one) => one.currency === currency).map(({ net }) => net);
  }

  /** True for what happened so recently that the other side need not know of it yet. */
  isYoung(atMs: number): boolean {
    return this.#ranAtMs - atMs < this.#graceMs;
  }

  report(discrepancy: Discrepancy): void {
    this.discrepancies.push(discrepancy);
  }

  countInFlight(): void {
    this.#inFlight += 1;
  }

  explain(nets: Nets): void {
    for (const [currency, net] of nets) {
      this.#explained.set(currency, addAmounts(this.#explained.get(currency) ?? '0', net));
    }
  }

  /** As {@link explain}, for a transaction that is not shown: whether its money is gone as well, the balance says. */
  explainGone(nets: Nets): void {
    for (const [currency, net] of nets) this.#gone.push({ currency, net });
  }
}
