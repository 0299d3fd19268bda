import * as fs from 'node:fs';
import { join } from 'node:path';
import type { StoredRecord } from './records.js';

/** The file in the state directory that holds everything the simulator knows. */
export const STATE_FILE = 'simulator-state.jsonl';

/** One stored change: the table's name and the record as it is from now on. */
export type Upsert = readonly [table: string, record: StoredRecord];

/**
 * An append-only file of JSON lines, one for each transaction. A line is handed to the operating system before the
 * request is answered, so that a killed process loses nothing that it answered; it is not flushed, so a power cut may.
 */
export class StateLog {
  readonly #path: string;
  #file: number | undefined;

  constructor(directory: string) {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#path = join(directory, STATE_FILE);
  }

  /** Every stored change, oldest first. A last line that a kill cut off was never answered; other damage throws. */
  read(): Upsert[] {
    const lines = fs.existsSync(this.#path) ? fs.readFileSync(this.#path, 'utf8').trimEnd().split('\n') : [];
    return lines.flatMap((line, index) => {
      try {
        return JSON.parse(line) as Upsert[];
      } catch {
        if (index === lines.length - 1) return [];
        throw new Error(`the simulator's state is damaged: ${this.#path} line ${index + 1}`);
      }
    });
  }

  /** Replaces the file by these changes, atomically, and goes on appending to the new one. */
  rewrite(upserts: readonly Upsert[]): void {
    const temporary = `${this.#path}.tmp`;
    const text = upserts.map((upsert) => `${JSON.stringify([upsert])}\n`).join('');
    fs.writeFileSync(temporary, text, { mode: 0o600, flush: true });
    this.close();
    fs.renameSync(temporary, this.#path);
    this.#file = fs.openSync(this.#path, 'a', 0o600);
  }

  append(upserts: readonly Upsert[]): void {
    if (this.#file !== undefined) fs.appendFileSync(this.#file, `${JSON.stringify(upserts)}\n`);
  }

  close(): void {
    if (this.#file !== undefined) fs.closeSync(this.#file);
    this.#file = undefined;
  }
}
