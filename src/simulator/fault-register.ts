import { newId } from './identifiers.js';
import type { FaultRecord } from './records.js';
import type { SimulatorState } from './simulator-state.js';

/** The faults that are waiting to strike, in the order in which they were ordered. */
export class FaultRegister {
  readonly #state: SimulatorState;
  // Few faults are ever active, whatever number has struck before.
  #active: string[] = [];

  constructor(state: SimulatorState) {
    this.#state = state;
    for (const fault of state.faults.oldestFirst()) if (fault.remaining > 0) this.#active.push(fault.id);
  }

  add(fault: Omit<FaultRecord, 'id'>): FaultRecord {
    const record = this.#state.faults.put({ ...fault, id: newId() });
    this.#active.push(record.id);
    return record;
  }

  active(): FaultRecord[] {
    return this.#active.flatMap((id) => this.#state.faults.get(id) ?? []);
  }

  /** Takes back one fault, or all of them; answers how many. */
  remove(id?: string): number {
    const removed = this.active().filter((fault) => id === undefined || fault.id === id);
    for (const fault of removed) this.#state.faults.put({ ...fault, remaining: 0 });
    this.#active = this.#active.filter((one) => !removed.some((fault) => fault.id === one));
    return removed.length;
  }

  /** The fault that strikes this request, if any; it is used up by one. */
  takeForRequest(endpoint: string, externalOrderId: string | undefined): FaultRecord | undefined {
    return this.#take(
      (fault) =>
        (fault.endpoint === endpoint || fault.endpoint === '*') &&
        (fault.externalOrderId === null || fault.externalOrderId === externalOrderId),
    );
  }

  takeForEvent(eventType: string): FaultRecord | undefined {
    return this.#take(
      (fault) => fault.endpoint === null && (fault.eventType === null || fault.eventType === eventType),
    );
  }

  #take(matches: (fault: FaultRecord) => boolean): FaultRecord | undefined {
    const found = this.active().find(matches);
    if (found === undefined) return undefined;
    const used = this.#state.faults.put({ ...found, remaining: found.remaining - 1 });
    if (used.remaining === 0) this.#active = this.#active.filter((id) => id !== used.id);
    return found;
  }
}
