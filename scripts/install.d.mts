export const ROOT: string;
export function prepareProject(options?: { root?: string; say?: (line: string) => void }): Promise<void>;
export function assertNodeVersion(version: string): void;
export function isInstallCurrent(root: string): boolean;
export function isBuildCurrent(root: string): boolean;
