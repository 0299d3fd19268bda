/** What a key of the API may do. */
export const API_SCOPE = {
  /** Create and cancel payouts, declare their deposits. */
  CREATE: 'create',
  /** Read payouts. */
  READ: 'read',
  /** Everything a person decides about running payouts. */
  OPERATE: 'operate',
} as const;
export type ApiScope = (typeof API_SCOPE)[keyof typeof API_SCOPE];

/** One key of the API; the key itself is known to its owner only. */
export interface ApiKeyEntry {
  /** The actor in every record of what was done with this key. */
  readonly name: string;
  readonly scopes: readonly ApiScope[];
  /** Whose the payouts are that are asked for with this key. */
  readonly owner: string;
  /** SHA-256 of the key, lower-case hexadecimal. */
  readonly sha256: string;
}
