import { isRecord, textProblem, unknownFields, type FieldProblem } from './field-problems.js';

/** Every part of where a payout goes (contract, section Payment methods). All of it is personal data. */
export const DESTINATION_FIELDS = [
  'payerName',
  'bankAccountNum',
  'bankName',
  'bankRoutingNum',
  'bankDetailName',
  'bankAddr',
  'addr',
  'city',
  'state',
  'states',
  'country',
  'postalCode',
  'swift',
] as const;
export type DestinationField = (typeof DESTINATION_FIELDS)[number];

/** What each type must carry. The contract lists nothing for Yunshanfu: [I] taken as the other wallets of its kind. */
export const REQUIRED_DESTINATION_FIELDS = {
  bankAccount: ['payerName', 'bankAccountNum', 'bankName'],
  wallet: ['payerName', 'addr'],
  Alipay: ['payerName', 'bankAccountNum'],
  PayPal: ['payerName', 'bankAccountNum'],
  Yunshanfu: ['payerName', 'bankAccountNum'],
  'Coins.ph': ['payerName', 'bankAccountNum'],
  GCash: ['payerName', 'bankAccountNum'],
} as const satisfies Record<string, readonly DestinationField[]>;
export type DestinationType = keyof typeof REQUIRED_DESTINATION_FIELDS;
export const DESTINATION_TYPES = Object.keys(REQUIRED_DESTINATION_FIELDS) as readonly DestinationType[];

export type Destination = { readonly type: DestinationType } & {
  readonly [field in DestinationField]?: string | undefined;
};

/** What tells two destinations apart and says nothing else of them: null where that would be most of the account. */
export function accountEndingOf({ bankAccountNum, addr }: Account): string | null {
  const account = (bankAccountNum ?? addr ?? '').replaceAll(/[\s./-]/g, '');
  return account.length < SHORTEST_SHOWN_ACCOUNT ? null : account.slice(-4);
}

type Account = Pick<Destination, 'bankAccountNum' | 'addr'>;

/** True where this is the ending of none of the accounts. One that is masked, or not known, says nothing. */
export function isOtherAccount(ending: string | null, accounts: readonly Account[]): boolean {
  if (ending === null || !/^[\da-z]{4}$/i.test(ending)) return false;
  return accounts.every((account) => {
    const own = accountEndingOf(account);
    return own !== null && own.toLowerCase() !== ending.toLowerCase();
  });
}

const SHORTEST_SHOWN_ACCOUNT = 8;

/** Every static rule of a destination. */
export function findDestinationProblems(destination: unknown): FieldProblem[] {
  if (!isRecord(destination)) return [{ field: 'destination', message: 'must be an object' }];
  const { type } = destination;
  if (!isDestinationType(type)) {
    return [{ field: 'destination.type', message: `must be one of ${DESTINATION_TYPES.join(', ')}` }];
  }
  const missing = REQUIRED_DESTINATION_FIELDS[type].filter((field) => destination[field] === undefined);
  return [
    ...missing.map((field) => ({ field: `destination.${field}`, message: `is required for ${type}` })),
    ...unknownFields(destination, ['type', ...DESTINATION_FIELDS], 'destination.'),
    ...DESTINATION_FIELDS.filter((field) => destination[field] !== undefined).flatMap((field) =>
      textProblem(destination[field], `destination.${field}`),
    ),
  ];
}

function isDestinationType(value: unknown): value is DestinationType {
  return DESTINATION_TYPES.some((type) => type === value);
}
