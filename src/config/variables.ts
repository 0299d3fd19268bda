import type { z } from 'zod';
import { DEFAULT_PAYOUT_POLICY } from '../domain/policy.js';
import { FEE_SIDE } from '../domain/quote.js';
import {
  addressesByCurrency,
  amountsByCurrency,
  apiKeyEntries,
  commaList,
  networksByCurrency,
  oneOf,
  positiveNumber,
  text,
  trueOrFalse,
  url,
  webBaseUrl,
  wholeNumber,
  type ValueForm,
} from './value-forms.js';

/** One environment variable. */
export interface Variable<T = unknown> extends ValueForm<T> {
  /** What it is for, as .env.example says it. */
  readonly about: string;
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
const HOST_PATTERN = /^[A-Za-z0-9._:-]{1,253}$/;
const PORT_FORM = 'a port (0: any free one)';
// The words that the SDK understands; it would read any other as false.
const SDK_BOOLEAN = ['true', 'false', '1', '0'] as const;

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Accepted when a deposit is verified: its own balance transaction, or what is available in all. */
const DEPOSIT_PROOF = { BALANCE_TRANSACTION: 'balance_transaction', AVAILABLE: 'available' } as const;

const QBITPAY = {
  QBITPAY_API_KEY: {
    about: 'The API key of the QbitPay account. Give either this or QBITPAY_API_KEY_FILE, not both.',
    secret: true,
    ...text('the API key: no white space, no colon', QBITPAY_KEY_PATTERN),
  },
  QBITPAY_API_KEY_FILE: {
    about:
      'A file that holds the API key. It is read again when QbitPay refuses the key, so a key is rotated without a restart.',
    ...text('the path of a file'),
  },
  QBITPAY_BASE_URL: {
    about:
      'Where the QbitPay API is, for example https://api.qbitnetwork.com. Unset, `npm start` runs the simulator instead; set, no demo payout is ever sent. The worker needs it.',
    // A wrong one may hold the key, in front of an @.
    secret: true,
    ...webBaseUrl('an http:// or https:// URL without credentials, query and fragment'),
  },
  QBITPAY_FEE_SIDE: {
    about:
      'Whether the payout fee is added to the amount or deducted from it. Ask QbitPay; required with QBITPAY_BASE_URL.',
    default: FEE_SIDE.ADDED,
    ...oneOf([FEE_SIDE.ADDED, FEE_SIDE.DEDUCTED]),
  },
  QBITPAY_NETWORKS: {
    about:
      'The network that the deposit address of each currency belongs to, shown to whoever deposits. A currency that is not listed cannot be deposited; required with QBITPAY_BASE_URL.',
    default: 'USDT:TRC20',
    ...networksByCurrency(),
  },
  QBITPAY_DEPOSIT_ADDRESSES: {
    about:
      'The wallet that deposits go to, of a currency that the account has several wallets of. Where it has one, nothing has to be said.',
    ...addressesByCurrency(),
  },
  QBITPAY_DEPOSIT_PROOF: {
    about:
      'What proves a deposit: its own balance transaction or, for an account that shows none, the available balance.',
    default: DEPOSIT_PROOF.BALANCE_TRANSACTION,
    ...oneOf(Object.values(DEPOSIT_PROOF)),
  },
  QBITPAY_LIVEMODE: {
    about:
      'The livemode of the webhook events that count; others are stored and ignored. A sandbox key may need false.',
    default: 'true',
    ...trueOrFalse(),
  },
  QBITPAY_WEBHOOK_ALGORITHM: {
    about: 'How QbitPay signs webhooks.',
    default: 'md5',
    ...oneOf(['md5', 'hmac-sha256']),
  },
  QBITPAY_WEBHOOK_EXTRA_KEYS: {
    about: 'Further API keys whose webhook signatures are accepted, for the time of a key rotation.',
    secret: true,
    ...commaList('a comma-separated list of API keys, none twice, without white space', SECRET_PATTERN),
  },
  QBITPAY_DEPOSIT_EVENT_TYPES: {
    about: 'The types of webhook events that announce a deposit.',
    default: 'deposit.confirmed',
    ...commaList('a comma-separated list of event types, none twice', /^[A-Za-z0-9._-]{1,64}$/),
  },
  DEPOSIT_TAIL_DIGITS: {
    about:
      "How many of its last digits tell a payout's deposit from others of the same amount: n digits for 9 × 10^(n-1) open payouts.",
    default: '5',
    ...wholeNumber('digits', 2, 8),
  },
  PROVIDER_SYNC_INTERVAL_MS: {
    about:
      'From the start of one sync with QbitPay to the start of the next: how late what no webhook told is seen.',
    default: '10000',
    ...wholeNumber('milliseconds', SHORTEST_PAUSE_MS, HOUR_MS),
  },
  SYNC_OVERLAP_SECONDS: {
    about: 'How late an object may show in a list of QbitPay, below newer ones, and still be found.',
    default: '900',
    ...wholeNumber('seconds', 0, DAY_SECONDS),
  },
  QBITPAY_MAX_REQUESTS_PER_SECOND: {
    about: 'The most requests that one process sends to QbitPay; they are spaced evenly. Unset: no limit.',
    ...positiveNumber('requests per second', 1000),
  },
} as const satisfies Record<string, Variable>;

// The SDK reads these itself (@temporalio/envconfig); they are checked here only as far as it would ignore a mistake.
const TEMPORAL = {
  TEMPORAL_ADDRESS: {
    about: 'Host and port of the Temporal server. Unset, `npm start` runs a dev server instead.',
    ...text('host:port', /^[^\s/@]+:\d{1,5}$/),
  },
  TEMPORAL_NAMESPACE: {
    about: 'The Temporal namespace.',
    default: 'default',
    ...text('the name of a namespace', /^\S+$/),
  },
  TEMPORAL_API_KEY: {
    about: 'API key for Temporal Cloud; turns TLS on.',
    secret: true,
    ...text('an API key without white space', SECRET_PATTERN),
  },
  TEMPORAL_TLS: {
    about: 'Whether to connect to Temporal with TLS.',
    ...oneOf(SDK_BOOLEAN),
  },
  TEMPORAL_TLS_CLIENT_CERT_PATH: {
    about: 'File with the client certificate for mutual TLS.',
    ...text('the path of a file'),
  },
  TEMPORAL_TLS_CLIENT_CERT_DATA: {
    about: 'The client certificate itself, instead of its file.',
    ...text('a certificate in PEM form', /-----BEGIN /),
  },
  TEMPORAL_TLS_CLIENT_KEY_PATH: {
    about: 'File with the private key of the client certificate.',
    ...text('the path of a file'),
  },
  TEMPORAL_TLS_CLIENT_KEY_DATA: {
    about: 'The private key itself, instead of its file.',
    secret: true,
    ...text('a private key in PEM form', /-----BEGIN /),
  },
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: {
    about: 'File with the certificate of the authority that signed the server certificate.',
    ...text('the path of a file'),
  },
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: {
    about: 'The certificate of that authority itself, instead of its file.',
    ...text('a certificate in PEM form', /-----BEGIN /),
  },
  TEMPORAL_TLS_SERVER_NAME: {
    about: 'The name to expect in the server certificate, where it is not the host.',
    ...text('a host name', /^\S+$/),
  },
  TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: {
    about: 'Whether to accept a server certificate of any name.',
    ...oneOf(SDK_BOOLEAN),
  },
  TEMPORAL_CONFIG_FILE: {
    about: 'A TOML file with connection profiles, as the Temporal CLI uses it.',
    ...text('the path of a file'),
  },
  TEMPORAL_PROFILE: {
    about: 'The profile of that file to use.',
    ...text('the name of a profile', /^\S+$/),
  },
  TEMPORAL_TASK_QUEUE: {
    about: 'The task queue that the worker serves and payouts are started on.',
    default: 'qbitpay-payouts',
    ...text('the name of a task queue, at most 200 characters', /^[^\s\p{Cc}]{1,200}$/u),
  },
  TEMPORAL_CLI_PATH: {
    about: 'The Temporal CLI that `npm start` runs the dev server with. Unset: found or installed.',
    ...text('the path of the temporal executable'),
  },
} as const satisfies Record<string, Variable>;

const SERVERS = {
  DATABASE_URL: {
    about:
      'The PostgreSQL database. Unset, `npm start` runs an embedded one instead; every other process needs it.',
    secret: true,
    ...url('a postgres:// URL', ['postgres:', 'postgresql:']),
  },
  HOST: {
    about: 'The address that the API listens on. Anything but a loopback address needs PAYOUTS_API_KEYS.',
    default: '127.0.0.1',
    ...text('a host name or an IP address', HOST_PATTERN),
  },
  PORT: {
    about: 'The port of the API.',
    default: '8080',
    ...wholeNumber(PORT_FORM, 0, 65_535),
  },
  SIMULATOR_PORT: {
    about: 'The port of the simulator. Unset: any free one.',
    ...wholeNumber(PORT_FORM, 0, 65_535),
  },
  SIMULATOR_WEBHOOK_URL: {
    about: 'Where `npm run simulator` sends its webhooks. `npm start` uses its own API.',
    default: 'http://127.0.0.1:8080/webhooks/qbitpay',
    ...webBaseUrl('an http:// or https:// URL without credentials, query and fragment'),
  },
  PAYOUTS_API_KEYS: {
    about:
      'The keys of the API. Unset, the API answers without a key, on loopback only; `npm start` makes a key of its own.',
    secret: true,
    ...apiKeyEntries(),
  },
  LOG_LEVEL: {
    about: 'The least level that is logged.',
    default: 'info',
    ...oneOf(LOG_LEVELS),
  },
  WEBHOOK_SWEEP_INTERVAL_SECONDS: {
    about: 'The pause between two looks for webhook events that were stored and not handled.',
    default: '60',
    ...wholeNumber('seconds', 1, DAY_SECONDS),
  },
  RECONCILIATION_INTERVAL_SECONDS: {
    about: 'The pause between two comparisons of the store with QbitPay.',
    default: '3600',
    ...wholeNumber('seconds', 10, DAY_SECONDS),
  },
  RECONCILIATION_GRACE_SECONDS: {
    about:
      'How young a thing may be to be under way instead of different. Longer than a request to QbitPay may take (80 s).',
    default: '120',
    ...wholeNumber('seconds', 0, DAY_SECONDS),
  },
  RECONCILIATION_WINDOW_DAYS: {
    about: 'How far back payouts, orders and balance transactions are compared; balances cover everything.',
    default: '30',
    ...wholeNumber('days', 1, 3650),
  },
  SHUTDOWN_TIMEOUT_SECONDS: {
    about:
      'How long a stopping process lets work in flight finish. Shorter than a request to QbitPay may take (80 s), a stop can leave a payout with an unknown outcome.',
    default: '90',
    ...wholeNumber('seconds', 1, 600),
  },
} as const satisfies Record<string, Variable>;

const POLICIES = {
  DEPOSIT_DEADLINE_SECONDS: {
    about: 'How long a payout waits for its deposit.',
    default: String(DEFAULT_PAYOUT_POLICY.depositDeadlineSeconds),
    ...wholeNumber('seconds', 1, LONGEST_DEADLINE_SECONDS),
  },
  MAX_SLIPPAGE_BPS: {
    about: 'How much worse than the estimate the price may get; the deposit asked for is larger by as much.',
    default: String(DEFAULT_PAYOUT_POLICY.maxSlippageBps),
    ...wholeNumber('basis points', 0, 5000),
  },
  CONVERT_TIMEOUT_SECONDS: {
    about: 'How long a funded payout looks for a usable price before it is held.',
    default: String(DEFAULT_PAYOUT_POLICY.convertTimeoutSeconds),
    // Looking for a price adds to the history: beyond this it would outgrow what Temporal allows.
    ...wholeNumber('seconds', 1, LONGEST_CONVERSION_SECONDS),
  },
  UNKNOWN_OUTCOME_WAIT_SECONDS: {
    about:
      'How long after it was sent a request without an answer is looked for, before it counts as never arrived. Keep it well above the 80 seconds that a request may take.',
    default: String(DEFAULT_PAYOUT_POLICY.unknownOutcomeWaitSeconds),
    ...wholeNumber('seconds', 0, DAY_SECONDS),
  },
  ABSENCE_CHECKS: {
    about: "How many readings of all of QbitPay's list, without the request, that takes on top.",
    default: String(DEFAULT_PAYOUT_POLICY.absenceChecks),
    ...wholeNumber('readings', 1, 100),
  },
  MAX_PAYOUT_AMOUNT: {
    about:
      'The most that a payout may be about, by currency: what is asked for, and what has to be deposited for it. Of a currency that is not listed: 1000000000.',
    default: 'USDT:1000000,USDC:1000000,BTC:20,ETH:500',
    ...amountsByCurrency(),
  },
  MAX_PRICE_CHANGE_BPS: {
    about:
      'How far a price may be from the last one that a payout was opened with, for each day that has begun since; beyond that, openings wait until it has stood for 5 minutes.',
    default: '500',
    ...wholeNumber('basis points', 1, 10_000),
  },
  RESEND_MAX_AMOUNT: {
    about:
      'The largest amount of each currency that is sent again by itself, once, when the request before it was proven to have never arrived; what is larger, or of another currency, waits for a person. 0: never.',
    default: '0',
    ...amountsByCurrency(),
  },
  ON_FAILED_ATTEMPT: {
    about:
      'What becomes of a payout that QbitPay accepted and then failed or cancelled: it ends (fail), or waits for a person who may retry it (hold).',
    default: DEFAULT_PAYOUT_POLICY.onFailedAttempt,
    ...oneOf(['fail', 'hold']),
  },
  RETRY_INITIAL_MS: {
    about: 'The first pause after QbitPay or the database failed; it doubles from then on.',
    default: String(DEFAULT_PAYOUT_POLICY.retryInitialMs),
    ...wholeNumber('milliseconds', SHORTEST_PAUSE_MS, HOUR_MS),
  },
  RETRY_MAX_MS: {
    about: 'The longest such pause.',
    default: String(DEFAULT_PAYOUT_POLICY.retryMaxMs),
    ...wholeNumber('milliseconds', SHORTEST_PAUSE_MS, 24 * HOUR_MS),
  },
  DEPOSIT_NOTICE_PATIENCE_SECONDS: {
    about: 'How long an announced deposit may stay without money before its notice is shown as unverified.',
    default: '3600',
    ...wholeNumber('seconds', 1, LONGEST_DEADLINE_SECONDS),
  },
} as const satisfies Record<string, Variable>;

/** Every variable there is, in the order in which they are checked and documented. */
export const VARIABLES = { ...QBITPAY, ...TEMPORAL, ...SERVERS, ...POLICIES };
export type VariableName = keyof typeof VARIABLES;
export const VARIABLE_NAMES = Object.keys(VARIABLES) as VariableName[];

type ValueOf<V> = V extends { readonly schema: z.ZodType<infer T, string> }
  ? T | (V extends { readonly default: string } ? never : undefined)
  : never;

/** The values of all variables; those without a default may be undefined. */
export type VariableValues = { readonly [Name in VariableName]: ValueOf<(typeof VARIABLES)[Name]> };
