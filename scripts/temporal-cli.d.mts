interface Options {
  environment?: NodeJS.ProcessEnv;
  say?: (line: string) => void;
}
export function ensureTemporalCli(options?: Options): Promise<string>;
export function findTemporalCli(options?: Options): Promise<string | undefined>;
export function cacheDirectory(environment: NodeJS.ProcessEnv): string;
export function judgeVersion(text: string): string | undefined;
