import { appendFileSync, closeSync, createReadStream, existsSync, fsyncSync } from 'node:fs';
import { mkdirSync, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { StoredRecord } from './records.js';

/** The file in the state directory that holds everything the simulator knows. */
export const STATE_FILE = 'simulator-state.jsonl';

/** One stored change: the kind of record and the record as it is from now on. */
export type Upsert = readonly [kind: string, record: StoredRecord];

const WRITE_CHUNK_LENGTH = 1 << 20;

/**
 * An append-only file of JSON lines; each line is one transaction, a list of upserts. A line is handed to the
 * operating system before the request is answered, so that a killed process loses nothing that it answered; it is
 * not flushed to the medium on every line, so a power cut may. Only its owner may read it: it holds what was posted.
 */
export class StateLog {
  readonly #path: string;
  #file: number | undefined;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#path = join(directory, STATE_FILE);
  }

  /**
   * Feeds every stored change to `apply`, oldest first. A last line that was cut off by a kill is dropped, since it
   * was never answered; damage anywhere else throws.
   */
  async replay(apply: (upsert: Upsert) => void): Promise<void> {
    if (!existsSync(this.#path)) return;
    let lineNumber = 0;
    let cutOffLine: number | undefined;
    for await (const line of createInterface({ input: createReadStream(this.#path, 'utf8') })) {
      lineNumber += 1;
      if (cutOffLine !== undefined) {
        throw new Error(`the simulator's state is damaged: ${this.#path} line ${cutOffLine}`);
      }
      const upserts = parseLine(line);
      if (upserts === undefined) cutOffLine = lineNumber;
      else for (const upsert of upserts) apply(upsert);
    }
  }

  /** Replaces the file by these changes, atomically, and goes on appending to the new one. */
  rewrite(upserts: Iterable<Upsert>): void {
    const temporary = `${this.#path}.tmp`;
    const file = openSync(temporary, 'w', 0o600);
    let chunk = '';
    for (const upsert of upserts) {
      chunk += `${JSON.stringify([upsert])}\n`;
      if (chunk.length > WRITE_CHUNK_LENGTH) {
        appendFileSync(file, chunk);
        chunk = '';
      }
    }
    appendFileSync(file, chunk);
    fsyncSync(file);
    closeSync(file);
    this.close();
    renameSync(temporary, this.#path);
    this.#file = openSync(this.#path, 'a', 0o600);
  }

  append(upserts: readonly Upsert[]): void {
    this.#file ??= openSync(this.#path, 'a', 0o600);
    appendFileSync(this.#file, `${JSON.stringify(upserts)}\n`);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function parseLine(line: string): Upsert[] | undefined {
  try {
    return JSON.parse(line) as Upsert[];
  } catch {
    return undefined;
  }
}
