export class InterruptedError extends Error {
  readonly exitCode: number;
}
export function runCommand(
  command: string,
  args: string[],
  options?: {
    cwd?: string;
    env?: NodeJS.ProcessEnv;
    quiet?: boolean;
    timeoutMs?: number;
    everyMs?: number;
    onInterval?: (elapsedMs: number, giveUp: () => void) => void;
  },
): Promise<{ code: number | null; signal: string | null; output: string }>;
export function runMain(main: () => Promise<void>): Promise<void>;
