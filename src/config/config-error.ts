/**
 * A setting that keeps a process from starting. The message is one line that names the variable and says what
 * to do; it never carries the value of a secret. Thrown by `readConfig` only: print the message and exit.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly variable: string;

  constructor(variable: string, problem: string) {
    super(`${variable} ${problem}`);
    this.variable = variable;
  }
}
