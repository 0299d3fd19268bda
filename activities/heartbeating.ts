import { heartbeat } from '@temporalio/activity';

const BEAT_MS = 5_000;

/** Shows that this process is alive while it works, so that a killed worker is noticed long before the time-out. */
export async function heartbeating<T>(work: () => Promise<T>): Promise<T> {
  const beat = setInterval(() => heartbeat(), BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
  }
}
