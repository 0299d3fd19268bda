/** Why nothing leaves for QbitPay: of one currency, or at all. The API shows the words of this table. */
const TABLE = {
  STORE_BEHIND_PROVIDER: {
    meaning:
      'QbitPay has a payout or an order that this store has not sent, or the database has gone back or is another one: it was restored or failed over, or another engine uses the account.',
    action:
      'Stop any other engine on the account. Then see what QbitPay has (npm run recover), adopt what is ours (npm run recover -- --adopt), and release the brake.',
  },
  MANUAL: {
    meaning: 'A person engaged it; the reason stands beside it.',
    action: 'Release it when that reason is gone.',
  },
} as const satisfies Record<string, { readonly meaning: string; readonly action: string }>;

export type BrakeKind = keyof typeof TABLE;
export const BRAKES: Readonly<Record<BrakeKind, { readonly meaning: string; readonly action: string }>> =
  TABLE;
export const BRAKE_KINDS = Object.keys(TABLE) as BrakeKind[];
export const BRAKE_KIND = Object.fromEntries(BRAKE_KINDS.map((kind) => [kind, kind])) as {
  readonly [Kind in BrakeKind]: Kind;
};
