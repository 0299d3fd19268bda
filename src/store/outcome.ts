/** What became of something that the store may refuse. */
export type Outcome = { readonly ok: true } | Refusal;

export interface Refusal {
  readonly ok: false;
  readonly message: string;
}

export const DONE = { ok: true } as const;

export function refuse(message: string): Refusal {
  return { ok: false, message };
}
