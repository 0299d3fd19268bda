import type { z } from 'zod';
import { DEFAULT_PAYOUT_POLICY as POLICY } from '../domain/policy.js';
import { FEE_SIDE } from '../domain/quote.js';
import {
  amountsByCurrency,
  apiKeyEntries,
  byCurrency,
  commaList,
  oneOf,
  positiveNumber,
  text,
  trueOrFalse,
  url,
  webBaseUrl,
  wholeNumber,
  type ValueForm,
} from './value-forms.js';

/** One environment variable; .env.example says what it is for. */
export interface Variable<T = unknown> extends ValueForm<T> {
  /** As it would be written in the environment; a variable without one may stay unset. */
  readonly default?: string;
  /** Its value appears in no message. */
  readonly secret?: true;
}

const DAY_SECONDS = 86_400;
const HOUR_MS = 3_600_000;
const LONGEST_DEADLINE_SECONDS = 90 * DAY_SECONDS;
const LONGEST_CONVERSION_SECONDS = 6 * 3_600;
/** Below this, a mistyped pause would keep the provider busy for nothing. */
const SHORTEST_PAUSE_MS = 10;
const SECRET_PATTERN = /^[^\s\p{Cc}]+$/u;
// The key is the user name of HTTP Basic, which ends at the first colon (RFC 7617).
const QBITPAY_KEY_PATTERN = /^[^\s\p{Cc}:]+$/u;
const NETWORKS_FORM = 'a comma-separated list of CURRENCY:NETWORK, each currency once, such as USDT:TRC20';
const NETWORK_PATTERN = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}$/;
const ADDRESSES_FORM = 'a comma-separated list of CURRENCY:ADDRESS, each currency once';
const HOST_PATTERN = /^[A-Za-z0-9._:-]{1,253}$/;
const PORT_FORM = 'a port (0: any free one)';
// The words that the SDK understands; it would read any other as false.
const SDK_BOOLEAN = ['true', 'false', '1', '0'] as const;

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Accepted when a deposit is verified: its own balance transaction, or what is available in all. */
const DEPOSIT_PROOF = { BALANCE_TRANSACTION: 'balance_transaction', AVAILABLE: 'available' } as const;

const QBITPAY = {
  QBITPAY_API_KEY: { secret: true, ...text('the API key: no white space, no colon', QBITPAY_KEY_PATTERN) },
  QBITPAY_API_KEY_FILE: text('the path of a file'),
  // A wrong one may hold the key, in front of an @.
  QBITPAY_BASE_URL: { secret: true, ...webBaseUrl() },
  QBITPAY_FEE_SIDE: { default: FEE_SIDE.ADDED, ...oneOf([FEE_SIDE.ADDED, FEE_SIDE.DEDUCTED]) },
  QBITPAY_NETWORKS: { default: 'USDT:TRC20', ...byCurrency(NETWORKS_FORM, NETWORK_PATTERN) },
  QBITPAY_DEPOSIT_ADDRESSES: byCurrency(ADDRESSES_FORM, /^[^\s\p{Cc}]{1,200}$/u),
  QBITPAY_DEPOSIT_PROOF: {
    default: DEPOSIT_PROOF.BALANCE_TRANSACTION,
    ...oneOf(Object.values(DEPOSIT_PROOF)),
  },
  QBITPAY_LIVEMODE: { default: 'true', ...trueOrFalse() },
  QBITPAY_WEBHOOK_ALGORITHM: { default: 'md5', ...oneOf(['md5', 'hmac-sha256']) },
  QBITPAY_WEBHOOK_EXTRA_KEYS: {
    secret: true,
    ...commaList('a comma-separated list of API keys, none twice, without white space', SECRET_PATTERN),
  },
  QBITPAY_DEPOSIT_EVENT_TYPES: {
    default: 'deposit.confirmed',
    ...commaList('a comma-separated list of event types, none twice', /^[A-Za-z0-9._-]{1,64}$/),
  },
  ACCOUNT_SHARED: { default: 'false', ...trueOrFalse() },
  DEPOSIT_TAIL_DIGITS: { default: '5', ...wholeNumber('digits', 2, 8) },
  PROVIDER_SYNC_INTERVAL_MS: { default: '10000', ...wholeNumber('milliseconds', SHORTEST_PAUSE_MS, HOUR_MS) },
  SYNC_OVERLAP_SECONDS: { default: '900', ...wholeNumber('seconds', 0, DAY_SECONDS) },
  QBITPAY_MAX_REQUESTS_PER_SECOND: positiveNumber('requests per second', 1000),
} as const satisfies Record<string, Variable>;

// The SDK reads these itself (@temporalio/envconfig); they are checked here only as far as it would ignore a mistake.
const TEMPORAL = {
  TEMPORAL_ADDRESS: text('host:port', /^[^\s/@]+:\d{1,5}$/),
  TEMPORAL_NAMESPACE: { default: 'default', ...text('the name of a namespace', /^\S+$/) },
  TEMPORAL_API_KEY: { secret: true, ...text('an API key without white space', SECRET_PATTERN) },
  TEMPORAL_TLS: oneOf(SDK_BOOLEAN),
  TEMPORAL_TLS_CLIENT_CERT_PATH: text('the path of a file'),
  TEMPORAL_TLS_CLIENT_CERT_DATA: text('a certificate in PEM form', /-----BEGIN /),
  TEMPORAL_TLS_CLIENT_KEY_PATH: text('the path of a file'),
  TEMPORAL_TLS_CLIENT_KEY_DATA: { secret: true, ...text('a private key in PEM form', /-----BEGIN /) },
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: text('the path of a file'),
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: text('a certificate in PEM form', /-----BEGIN /),
  TEMPORAL_TLS_SERVER_NAME: text('a host name', /^\S+$/),
  TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: oneOf(SDK_BOOLEAN),
  TEMPORAL_CONFIG_FILE: text('the path of a file'),
  TEMPORAL_PROFILE: text('the name of a profile', /^\S+$/),
  TEMPORAL_TASK_QUEUE: {
    default: 'qbitpay-payouts',
    ...text('the name of a task queue, at most 200 characters', /^[^\s\p{Cc}]{1,200}$/u),
  },
  TEMPORAL_CLI_PATH: text('the path of the temporal executable'),
} as const satisfies Record<string, Variable>;

const SERVERS = {
  DATABASE_URL: { secret: true, ...url('a postgres:// URL', ['postgres:', 'postgresql:']) },
  DATABASE_MAX_CONNECTIONS: { default: '15', ...wholeNumber('connections', 4, 1_000) },
  HOST: { default: '127.0.0.1', ...text('a host name or an IP address', HOST_PATTERN) },
  PORT: { default: '8080', ...wholeNumber(PORT_FORM, 0, 65_535) },
  SIMULATOR_PORT: wholeNumber(PORT_FORM, 0, 65_535),
  SIMULATOR_WEBHOOK_URL: { default: 'http://127.0.0.1:8080/webhooks/qbitpay', ...webBaseUrl() },
  PAYOUTS_API_KEYS: { secret: true, ...apiKeyEntries() },
  LOG_LEVEL: { default: 'info', ...oneOf(LOG_LEVELS) },
  RECONCILIATION_INTERVAL_SECONDS: { default: '3600', ...wholeNumber('seconds', 10, DAY_SECONDS) },
  RECONCILIATION_GRACE_SECONDS: { default: '120', ...wholeNumber('seconds', 0, DAY_SECONDS) },
  SHUTDOWN_TIMEOUT_SECONDS: { default: '90', ...wholeNumber('seconds', 1, 600) },
} as const satisfies Record<string, Variable>;

const POLICIES = {
  DEPOSIT_DEADLINE_SECONDS: {
    default: String(POLICY.depositDeadlineSeconds),
    ...wholeNumber('seconds', 1, LONGEST_DEADLINE_SECONDS),
  },
  MAX_SLIPPAGE_BPS: { default: String(POLICY.maxSlippageBps), ...wholeNumber('basis points', 0, 5000) },
  CONVERT_TIMEOUT_SECONDS: {
    default: String(POLICY.convertTimeoutSeconds),
    // Looking for a price adds to the history: beyond this it would outgrow what Temporal allows.
    ...wholeNumber('seconds', 1, LONGEST_CONVERSION_SECONDS),
  },
  UNKNOWN_OUTCOME_WAIT_SECONDS: {
    default: String(POLICY.unknownOutcomeWaitSeconds),
    ...wholeNumber('seconds', 0, DAY_SECONDS),
  },
  ABSENCE_CHECKS: { default: String(POLICY.absenceChecks), ...wholeNumber('readings', 1, 100) },
  REFUSAL_WAIT_SECONDS: {
    default: String(POLICY.refusalWaitSeconds),
    ...wholeNumber('seconds', 0, DAY_SECONDS),
  },
  MAX_PAYOUT_AMOUNT: { default: 'USDT:1000000,USDC:1000000,BTC:20,ETH:500', ...amountsByCurrency() },
  MAX_PRICE_CHANGE_BPS: { default: '500', ...wholeNumber('basis points', 1, 10_000) },
  BRAKE_AFTER_DIFFERENCES: { default: '3', ...wholeNumber('answers', 1, 20) },
  RESEND_MAX_AMOUNT: { default: '0', ...amountsByCurrency() },
  ON_FAILED_ATTEMPT: { default: POLICY.onFailedAttempt, ...oneOf(['fail', 'hold']) },
  RETRY_INITIAL_MS: {
    default: String(POLICY.retryInitialMs),
    ...wholeNumber('milliseconds', SHORTEST_PAUSE_MS, HOUR_MS),
  },
  RETRY_MAX_MS: {
    default: String(POLICY.retryMaxMs),
    ...wholeNumber('milliseconds', SHORTEST_PAUSE_MS, 24 * HOUR_MS),
  },
  DEPOSIT_NOTICE_PATIENCE_SECONDS: {
    default: '3600',
    ...wholeNumber('seconds', 1, LONGEST_DEADLINE_SECONDS),
  },
} as const satisfies Record<string, Variable>;

/** Every variable there is, in the order in which they are checked, and documented in .env.example. */
export const VARIABLES = { ...QBITPAY, ...TEMPORAL, ...SERVERS, ...POLICIES };
export type VariableName = keyof typeof VARIABLES;
export const VARIABLE_NAMES = Object.keys(VARIABLES) as VariableName[];

type ValueOf<V> = V extends { readonly schema: z.ZodType<infer T, string> }
  ? T | (V extends { readonly default: string } ? never : undefined)
  : never;

/** The values of all variables; those without a default may be undefined. */
export type VariableValues = { readonly [Name in VariableName]: ValueOf<(typeof VARIABLES)[Name]> };
