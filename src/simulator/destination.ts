import { badRequest } from './provider-error.js';
import type { RequestFields } from './request-fields.js';

/**
 * The payment methods and the fields each requires (contract, "Payment methods"). The contract lists none for
 * Yunshanfu, so only its type is required.
 */
const REQUIRED_FIELDS = {
  bankAccount: ['payerName', 'bankAccountNum', 'bankName'],
  wallet: ['payerName', 'addr'],
  Alipay: ['payerName', 'bankAccountNum'],
  PayPal: ['payerName', 'bankAccountNum'],
  Yunshanfu: [],
  'Coins.ph': ['payerName', 'bankAccountNum'],
  GCash: ['payerName', 'bankAccountNum'],
} as const satisfies Record<string, readonly string[]>;

type DestinationType = keyof typeof REQUIRED_FIELDS;

const TYPE_LABELS: Readonly<Record<DestinationType, { en: string; zh: string }>> = {
  bankAccount: { en: 'Bank account', zh: '银行转账' },
  wallet: { en: 'Wallet', zh: '钱包' },
  Alipay: { en: 'Alipay', zh: '支付宝' },
  PayPal: { en: 'PayPal', zh: '贝宝' },
  Yunshanfu: { en: 'Yunshanfu', zh: '云闪付' },
  'Coins.ph': { en: 'Coins.ph', zh: 'Coins.ph' },
  GCash: { en: 'GCash', zh: 'GCash' },
};

/** In the order in which the provider's example shows them. */
const FIELD_NAMES = [
  'payerName',
  'bankAccountNum',
  'bankRoutingNum',
  'bankName',
  'bankDetailName',
  'bankAddr',
  'country',
  'state',
  'states',
  'city',
  'addr',
  'postalCode',
  'swift',
];

/** Reads a payout's destination; throws 400 naming the field that is missing, unknown or not a text. */
export function readDestination(fields: RequestFields): Record<string, string> {
  const type = fields.choice('type', Object.keys(REQUIRED_FIELDS) as DestinationType[]);
  const destination: Record<string, string> = {};
  for (const name of FIELD_NAMES) {
    const value = fields.optionalText(name);
    if (value !== undefined) destination[name] = value;
  }
  const missing = REQUIRED_FIELDS[type].find((name) => destination[name] === undefined);
  if (missing !== undefined) {
    throw badRequest(`destination.${missing} is required for the type ${type}`, `destination.${missing}`);
  }
  fields.end();
  return { ...destination, type };
}

/** The destination as an answer shows it: with its id, its object name and a label of its type. */
export function destinationView(id: string, destination: Readonly<Record<string, string>>): object {
  const type = destination['type'] as DestinationType;
  return { id, object: type, ...destination, typeLabel: TYPE_LABELS[type] };
}
