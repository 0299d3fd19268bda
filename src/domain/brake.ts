/** Why nothing leaves for QbitPay: of one currency, or at all. The API shows the words of this table. */
const TABLE = {
  STORE_BEHIND_PROVIDER: {
    meaning:
      'QbitPay has a payout or an order that this store has not sent, or the database has gone back or is another one: it was restored or failed over, or another engine uses the account.',
    action:
      'Stop any other engine on the account. Then see what QbitPay has (npm run recover), adopt what is ours (npm run recover -- --adopt), and release the brake.',
  },
  ACCOUNT_CHANGED: {
    meaning:
      'The account that the API key reads is not the one that the store knows: a wallet that payers were told of, or the newest payout, is not there.',
    action:
      'Compare the account in the dashboard with the key file. Put the right key there, or settle with QbitPay where payers send their money; then release the brake.',
  },
  AMOUNTS_DIFFER: {
    meaning: 'QbitPay took or paid something else than expected for several payouts in a row.',
    action:
      'Compare QBITPAY_FEE_SIDE and the rate with what QbitPay has taken (the payouts are flagged). Correct the setting and restart the workers, or settle it with QbitPay; then release the brake.',
  },
  DUPLICATE_AT_PROVIDER: {
    meaning: 'QbitPay has two payouts, or two orders, for one request: somebody may be paid twice.',
    action:
      'Have QbitPay cancel one of them, and find out whether others were doubled as well (the payouts are held as DUPLICATE_AT_PROVIDER, or flagged as SURPLUS_AT_PROVIDER). Find out with QbitPay how that came about; then release the brake.',
  },
  SHORTFALL: {
    meaning: 'QbitPay holds less than the ledger says, and nothing that is known or under way explains it.',
    action:
      'Ask QbitPay where the money went. Book what is lost, or was an account fee, as an adjustment (POST /v1/ledger/adjustments); then release the brake.',
  },
  DEPOSIT_GONE: {
    meaning: 'A deposit that QbitPay had shown is not there any more: its money is missing in the account.',
    action:
      'Ask QbitPay what became of the deposit (its payouts are held, or flagged, as DEPOSIT_MISSING). Settle that with whoever sent it; then release the brake.',
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
