import { createHash } from 'node:crypto';
import { choice, object, optional, text, withoutUndefined } from './fields.js';

const ACCOUNT = ['payerName', 'bankAccountNum'];

/** The payment methods, their labels and what each requires (contract, "Payment methods"); of Yunshanfu it is silent. */
const PAYMENT_METHODS = {
  bankAccount: { en: 'Bank account', zh: '银行转账', required: [...ACCOUNT, 'bankName'] },
  wallet: { en: 'Wallet', zh: '钱包', required: ['payerName', 'addr'] },
  Alipay: { en: 'Alipay', zh: '支付宝', required: ACCOUNT },
  PayPal: { en: 'PayPal', zh: '贝宝', required: ACCOUNT },
  Yunshanfu: { en: 'Yunshanfu', zh: '云闪付', required: [] },
  'Coins.ph': { en: 'Coins.ph', zh: 'Coins.ph', required: ACCOUNT },
  GCash: { en: 'GCash', zh: 'GCash', required: ACCOUNT },
};
type PaymentMethod = keyof typeof PAYMENT_METHODS;

/** In the order in which the provider's example shows them. */
const FIELD_NAMES =
  'payerName bankAccountNum bankRoutingNum bankName bankDetailName bankAddr country state states city addr postalCode swift';

/** A payout's destination, checked for what its type requires. */
export const destination = object({
  ...Object.fromEntries(FIELD_NAMES.split(' ').map((name) => [name, optional(text)])),
  type: choice(Object.keys(PAYMENT_METHODS) as PaymentMethod[]),
})
  .superRefine((fields: Readonly<Record<string, unknown>> & { readonly type: PaymentMethod }, context) => {
    for (const name of PAYMENT_METHODS[fields.type].required) {
      const message = `is required for the type ${fields.type}`;
      if (fields[name] === undefined) context.addIssue({ code: 'custom', path: [name], message });
    }
  })
  .transform((fields) => withoutUndefined(fields) as Readonly<Record<string, string>>);

/** The id of a payment method: the same fields are the same method, whoever is paid through it. */
export function paymentMethodId(fields: Readonly<Record<string, string>>): string {
  const canonical = Object.entries(fields).sort(([left], [right]) => (left < right ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex').slice(0, 24);
}

/** The destination as an answer shows it: with its id, its object name and a label of its type. */
export function destinationView(id: string, fields: Readonly<Record<string, string>>): object {
  const { en, zh } = PAYMENT_METHODS[fields['type'] as PaymentMethod];
  return { id, object: fields['type'], ...fields, typeLabel: { en, zh } };
}
