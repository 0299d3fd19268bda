import type { z } from 'zod';
import { choice, object, optional, text, withoutUndefined } from './fields.js';

const ACCOUNT = ['payerName', 'bankAccountNum'];

/**
 * The payment methods with their labels and the fields each requires (contract, "Payment methods"). The contract lists
 * none for Yunshanfu, so only its type is required.
 */
const PAYMENT_METHODS = {
  bankAccount: { en: 'Bank account', zh: '银行转账', required: [...ACCOUNT, 'bankName'] },
  wallet: { en: 'Wallet', zh: '钱包', required: ['payerName', 'addr'] },
  Alipay: { en: 'Alipay', zh: '支付宝', required: ACCOUNT },
  PayPal: { en: 'PayPal', zh: '贝宝', required: ACCOUNT },
  Yunshanfu: { en: 'Yunshanfu', zh: '云闪付', required: [] },
  'Coins.ph': { en: 'Coins.ph', zh: 'Coins.ph', required: ACCOUNT },
  GCash: { en: 'GCash', zh: 'GCash', required: ACCOUNT },
} as const satisfies Record<string, { en: string; zh: string; required: readonly string[] }>;
type PaymentMethod = keyof typeof PAYMENT_METHODS;

const optionalText = optional(text);

/** A payout's destination, its fields in the order in which the provider's example shows them. */
export const destination = object({
  payerName: optionalText,
  bankAccountNum: optionalText,
  bankRoutingNum: optionalText,
  bankName: optionalText,
  bankDetailName: optionalText,
  bankAddr: optionalText,
  country: optionalText,
  state: optionalText,
  states: optionalText,
  city: optionalText,
  addr: optionalText,
  postalCode: optionalText,
  swift: optionalText,
  type: choice(Object.keys(PAYMENT_METHODS) as PaymentMethod[]),
})
  .superRefine(assertComplete)
  .transform((fields): Record<string, string> => withoutUndefined(fields));

function assertComplete(fields: Record<string, string | undefined>, context: z.RefinementCtx): void {
  const type = fields['type'] as PaymentMethod;
  for (const name of PAYMENT_METHODS[type].required) {
    if (fields[name] !== undefined) continue;
    context.addIssue({ code: 'custom', path: [name], message: `is required for the type ${type}` });
  }
}

/** The destination as an answer shows it: with its id, its object name and a label of its type. */
export function destinationView(id: string, fields: Readonly<Record<string, string>>): object {
  const { en, zh } = PAYMENT_METHODS[fields['type'] as PaymentMethod];
  return { id, object: fields['type'], ...fields, typeLabel: { en, zh } };
}
