import { z } from 'zod';
import { CURRENCY_PATTERN } from '../domain/money.js';
import { PROVIDER_PAYOUT_STATUS, type ProviderPayoutStatus } from '../domain/provider-status.js';
import { decodeUtf8, parseDecimalJson } from './decimal-json.js';
import { QbitPayWebhookFormatError } from './errors.js';
import { decimal } from './schemas.js';

export interface PayoutNotice {
  readonly providerPayoutId: string;
  readonly externalOrderId: string | undefined;
  /** Undefined when the event announces no end: pending, in transit, or a type that is new. */
  readonly outcome: ProviderPayoutStatus | undefined;
}

/** Ids and words; control characters and lone surrogates have no place in a database or a log. */
const nonEmpty = z.string().regex(/^[^\p{Cc}\p{Cs}]{1,200}$/u);
const optionalText = z
  .union([nonEmpty, z.literal('')])
  .nullish()
  .transform((value) => value || undefined);

/**
 * What every event needs to be kept. A text that stands for a value of another type is signed alike: whoever captured an
 * event could send it again with other types.
 */
const envelopeSchema = z.object({
  id: nonEmpty,
  type: nonEmpty,
  /** False for test events, undefined when the event does not say; which value counts is a setting [I]. */
  livemode: z.boolean().nullish(),
  data: z.record(z.string(), z.unknown()).nullish(),
});

/** An event as it arrived (contract, section Webhooks). */
export interface WebhookEvent {
  readonly id: string;
  readonly type: string;
  readonly livemode: boolean | undefined;
  /**
   * Kept whole, numbers as decimal strings; empty when the event carries no object. It may disagree with `type`, so money
   * is believed to have moved only after the API was read.
   */
  readonly data: Readonly<Record<string, unknown>>;
}

const payoutDataSchema = z.object({ id: nonEmpty, externalOrderId: optionalText });

/** [I] The provider publishes neither type nor shape of its deposit notification: this follows its other objects. */
const depositDataSchema = z
  .object({
    id: optionalText,
    currency: z.string().regex(CURRENCY_PATTERN),
    amount: decimal.refine((amount) => !amount.startsWith('-') && /[1-9]/.test(amount), 'must be positive'),
    addr: optionalText,
    txHash: optionalText,
  })
  .transform(({ id, addr, ...rest }) => ({ providerDepositId: id, address: addr, ...rest }));

export type DepositEvent = z.infer<typeof depositDataSchema>;

/** @throws QbitPayWebhookFormatError naming the field that cannot be used, `body` for no JSON object at all */
export function parseWebhookEvent(rawBody: Uint8Array): WebhookEvent {
  // Twice: only the first reading tells a number from a text, only the second keeps the digits of a number.
  const [typed, exact] = parseBoth(rawBody);
  const { id, type, livemode, data } = parseFields(envelopeSchema, typed, []);
  return { id, type, livemode: livemode ?? undefined, data: data == null ? {} : exact.data };
}

function parseBoth(rawBody: Uint8Array): [typed: unknown, exact: Pick<WebhookEvent, 'data'>] {
  try {
    return [JSON.parse(decodeUtf8(rawBody)), parseDecimalJson(rawBody) as Pick<WebhookEvent, 'data'>];
  } catch {
    throw new QbitPayWebhookFormatError('body');
  }
}

/** The types that announce an end. The others are `payout.pending` and, sic, `payout.inTransition`. */
const OUTCOMES: Readonly<Record<string, ProviderPayoutStatus>> = {
  'payout.paid': PROVIDER_PAYOUT_STATUS.PAID,
  'payout.failed': PROVIDER_PAYOUT_STATUS.FAILED,
  'payout.cancelled': PROVIDER_PAYOUT_STATUS.CANCELLED,
};

/**
 * Undefined for events of other objects.
 * @throws QbitPayWebhookFormatError when the event does not say whose payout it is about
 */
export function readPayoutEvent(event: WebhookEvent): PayoutNotice | undefined {
  if (!event.type.startsWith('payout.')) return undefined;
  const { id, externalOrderId } = parseFields(payoutDataSchema, event.data, ['data']);
  return { providerPayoutId: id, externalOrderId, outcome: OUTCOMES[event.type] };
}

/**
 * Undefined when the event's type is none of `acceptedTypes`.
 * @throws QbitPayWebhookFormatError when currency or amount cannot be used, or when neither a deposit id nor
 * a transaction hash tells this deposit from another
 */
export function readDepositEvent(
  event: WebhookEvent,
  acceptedTypes: readonly string[],
): DepositEvent | undefined {
  if (!acceptedTypes.includes(event.type)) return undefined;
  const notice = parseFields(depositDataSchema, event.data, ['data']);
  if (notice.providerDepositId === undefined && notice.txHash === undefined) {
    throw new QbitPayWebhookFormatError('data.id');
  }
  return notice;
}

function parseFields<T>(schema: z.ZodType<T>, value: unknown, at: readonly string[]): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const field = [...at, ...(parsed.error.issues[0]?.path ?? [])].join('.');
  throw new QbitPayWebhookFormatError(field || 'body');
}
