import { parseArgs } from 'node:util';
import { StartError } from './start-error.js';

export interface StartOptions {
  /** Exit when the demo payout is paid. */
  readonly once: boolean;
  /** Begin with empty state. */
  readonly fresh: boolean;
  readonly demo: boolean;
}

const USAGE = 'usage: npm start [-- [--once] [--no-demo] [--fresh]]';

/** @throws StartError for anything unknown or contradictory */
export function readStartOptions(args: readonly string[]): StartOptions {
  const values = parse(args);
  if (values.once && values['no-demo']) throw new StartError(`--once waits for the demo payout: ${USAGE}`);
  return { once: values.once, fresh: values.fresh, demo: !values['no-demo'] };
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({ args: [...args], options: { once: flag, 'no-demo': flag, fresh: flag } }).values;
  } catch (error) {
    throw new StartError(`${error instanceof Error ? error.message : 'unknown option'}: ${USAGE}`);
  }
}
