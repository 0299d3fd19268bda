import { isRecord, textProblem, unknownFields, type FieldProblem } from './field-problems.js';

/** Where a payout goes (contract, section Payment methods). All of it is personal data. */
export const DESTINATION_TYPE = {
  BANK_ACCOUNT: 'bankAccount',
  WALLET: 'wallet',
  ALIPAY: 'Alipay',
  PAYPAL: 'PayPal',
  YUNSHANFU: 'Yunshanfu',
  COINS_PH: 'Coins.ph',
  GCASH: 'GCash',
} as const;
export type DestinationType = (typeof DESTINATION_TYPE)[keyof typeof DESTINATION_TYPE];
export const DESTINATION_TYPES = Object.values(DESTINATION_TYPE);

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

export type Destination = { readonly type: DestinationType } & {
  readonly [field in DestinationField]?: string | undefined;
};

/** What each type must carry. The contract lists nothing for Yunshanfu: [I] taken as the other wallets of its kind. */
export const REQUIRED_DESTINATION_FIELDS: Readonly<Record<DestinationType, readonly DestinationField[]>> = {
  bankAccount: ['payerName', 'bankAccountNum', 'bankName'],
  wallet: ['payerName', 'addr'],
  Alipay: ['payerName', 'bankAccountNum'],
  PayPal: ['payerName', 'bankAccountNum'],
  Yunshanfu: ['payerName', 'bankAccountNum'],
  'Coins.ph': ['payerName', 'bankAccountNum'],
  GCash: ['payerName', 'bankAccountNum'],
};

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
