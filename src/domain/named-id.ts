/**
 * How the `externalOrderId` that QbitPay names is related to the one that it was given. The contract promises that it comes
 * back as it was sent; a system on the way may shorten it, or write it another way.
 */
export const NAMED_ID = {
  SAME: 'same',
  /** Missing, cut, prefixed, or with other punctuation or case. */
  ALTERED: 'altered',
  /** Somebody else's. */
  OTHER: 'other',
} as const;
export type NamedId = (typeof NAMED_ID)[keyof typeof NAMED_ID];

/** What is shorter than this is no rest of an id: too many ids begin, or end, like it. */
const SHORTEST_REST = 8;

export function compareNamedId(named: string | null | undefined, ours: string): NamedId {
  if (named === ours) return NAMED_ID.SAME;
  if (named === undefined || named === null || named === '') return NAMED_ID.ALTERED;
  const [shown, own] = [withoutForm(named), withoutForm(ours)];
  const isCut = shown.length >= SHORTEST_REST && own.startsWith(shown);
  const isPrefixed = own.length >= SHORTEST_REST && shown.endsWith(own);
  return shown === own || isCut || isPrefixed ? NAMED_ID.ALTERED : NAMED_ID.OTHER;
}

function withoutForm(id: string): string {
  return id.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/**
 * What an id may have become, without its form: to be looked for by equality, cut to any length, and, where it is long
 * enough, as the end of one with a prefix.
 */
export function alteredForms(ours: string): { readonly cut: readonly string[]; readonly end: string | null } {
  const own = withoutForm(ours);
  const cut = Array.from({ length: Math.max(own.length - SHORTEST_REST, 0) }, (_, index) =>
    own.slice(0, SHORTEST_REST + index),
  );
  return { cut: [own, ...cut], end: own.length >= SHORTEST_REST ? own : null };
}
