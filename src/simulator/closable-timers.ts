/** The longest delay a Node timer takes, in milliseconds. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Timers by name, all of which can be cleared at once: closing leaves nothing that would still fire. */
export class ClosableTimers {
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #closed = false;

  /** Runs the work at a time (milliseconds since the epoch, past means soon), replacing a timer of the same name. */
  at(name: string, timeMs: number, work: () => void): void {
    this.cancel(name);
    if (this.#closed) return;
    const delay = Math.min(Math.max(timeMs - Date.now(), 0), MAX_DELAY_MS);
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      work();
    }, delay);
    this.#timers.set(name, timer);
  }

  cancel(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  cancelAll(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  close(): void {
    this.#closed = true;
    this.cancelAll();
  }
}
