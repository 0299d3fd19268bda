import { inspect } from 'node:util';
import type { PayoutPolicy } from '../domain/policy.js';
import {
  VARIABLE_NAMES,
  VARIABLES,
  type Variable,
  type VariableName,
  type VariableValues,
} from './variables.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the QbitPay API key comes from. */
export type ApiKeySetting =
  | { readonly kind: 'value'; readonly value: string }
  /** Read again when QbitPay refuses the key. */
  | { readonly kind: 'file'; readonly path: string };

/** All settings of a process, frozen. Printing it, or a part of it that holds secrets, shows nothing. */
export type Config = ReturnType<typeof toConfig>;
export type QbitPayConfig = ReturnType<typeof toQbitPayConfig>;

/** What a process cannot do without, beyond {@link Config}; `npm start` supplies what is missing. */
interface NeededParts {
  start: unknown;
  worker: { databaseUrl: string; qbitpay: { apiKey: ApiKeySetting; baseUrl: string } };
  api: { databaseUrl: string; qbitpay: { apiKey: ApiKeySetting } };
  migrate: { databaseUrl: string };
  simulator: { qbitpay: { apiKey: ApiKeySetting } };
}
export type ProcessName = keyof NeededParts;
export type ConfigFor<Name extends ProcessName> = Config & Readonly<NeededParts[Name]>;

/**
 * A setting that keeps a process from starting. The message is one line that names the variable and says what
 * to do; it never carries the value of a secret. Thrown by `readConfig` only: print the message and exit.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly variable: string;

  constructor(variable: string, problem: string) {
    super(`${variable} ${problem}`);
    this.variable = variable;
  }
}

type Need = 'DATABASE_URL' | 'QBITPAY_BASE_URL' | 'QBITPAY_API_KEY';
const NEEDS: Readonly<Record<ProcessName, readonly Need[]>> = {
  start: [],
  worker: ['QBITPAY_API_KEY', 'QBITPAY_BASE_URL', 'DATABASE_URL'],
  api: ['QBITPAY_API_KEY', 'DATABASE_URL'],
  migrate: ['DATABASE_URL'],
  simulator: ['QBITPAY_API_KEY'],
};

/**
 * Reads and checks the whole environment for one process. An empty variable counts as unset.
 * @throws ConfigError for the first variable that is wrong or missing
 */
export function readConfig<Name extends ProcessName>(env: Environment, processName: Name): ConfigFor<Name> {
  const given = withoutEmptyValues(env);
  const values = Object.fromEntries(
    VARIABLE_NAMES.map((name) => [name, readVariable(name, given)]),
  ) as unknown as VariableValues;
  assertConsistent(values);
  if (processName === 'start' || processName === 'worker') assertProviderStated(values, given);
  if (processName === 'start' || processName === 'api') assertNotOpenToAll(values);
  assertNeeds(values, processName);
  return sealed(toConfig(values)) as ConfigFor<Name>;
}

/**
 * The environment without its empty variables, which compose files and shells leave behind; the Temporal SDK
 * would take them for values.
 */
export function withoutEmptyValues(env: Environment): Record<string, string> {
  const given = Object.entries(env).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(given) as Record<string, string>;
}

function readVariable(name: VariableName, given: Environment): unknown {
  const variable: Variable = VARIABLES[name];
  const value = given[name] ?? variable.default;
  if (value === undefined) return undefined;
  const result = variable.schema.safeParse(value);
  if (result.success) return result.data;
  const own = result.error.issues.find(
    (issue) => issue.code === 'custom' && issue.message !== 'Invalid input',
  );
  const problem = own?.message ?? `must be ${variable.form}`;
  throw new ConfigError(name, variable.secret ? `${problem}.` : `${problem}; it is ${quote(value)}.`);
}

/** On one line, and short. */
function quote(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}

function assertConsistent(values: VariableValues): void {
  if (values.QBITPAY_API_KEY !== undefined && values.QBITPAY_API_KEY_FILE !== undefined) {
    throw new ConfigError('QBITPAY_API_KEY', 'and QBITPAY_API_KEY_FILE are both set: unset one of them.');
  }
  if (values.RETRY_MAX_MS < values.RETRY_INITIAL_MS) {
    throw new ConfigError(
      'RETRY_MAX_MS',
      `must be at least RETRY_INITIAL_MS (${values.RETRY_INITIAL_MS}); it is ${values.RETRY_MAX_MS}.`,
    );
  }
}

/** Defaults are good enough for the simulator only: with real money these are for a person to state. */
function assertProviderStated(values: VariableValues, given: Environment): void {
  if (values.QBITPAY_BASE_URL === undefined) return;
  for (const name of ['QBITPAY_FEE_SIDE', 'QBITPAY_NETWORKS'] as const) {
    if (given[name] === undefined) {
      throw new ConfigError(name, `is required with QBITPAY_BASE_URL: it must be ${VARIABLES[name].form}.`);
    }
  }
  if (!hasApiKey(values)) throw missing('QBITPAY_API_KEY');
}

function assertNotOpenToAll(values: VariableValues): void {
  if (values.PAYOUTS_API_KEYS !== undefined || isLoopback(values.HOST)) return;
  throw new ConfigError(
    'HOST',
    `is ${quote(values.HOST)}, which others can reach: set PAYOUTS_API_KEYS, or HOST to 127.0.0.1.`,
  );
}

/** True for an address that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function assertNeeds(values: VariableValues, processName: ProcessName): void {
  for (const need of NEEDS[processName]) {
    const isThere = need === 'QBITPAY_API_KEY' ? hasApiKey(values) : values[need] !== undefined;
    if (!isThere) throw missing(need);
  }
}

function hasApiKey(values: VariableValues): boolean {
  return (values.QBITPAY_API_KEY ?? values.QBITPAY_API_KEY_FILE) !== undefined;
}

function missing(need: Need): ConfigError {
  const alternative = need === 'QBITPAY_API_KEY' ? 'or QBITPAY_API_KEY_FILE ' : '';
  return new ConfigError(need, `${alternative}is not set: it must be ${VARIABLES[need].form}.`);
}

function toConfig(values: VariableValues) {
  const { RETRY_INITIAL_MS: retryInitialMs, RETRY_MAX_MS: retryMaxMs } = values;
  return {
    qbitpay: sealed(toQbitPayConfig(values)),
    temporal: Object.freeze({
      taskQueue: values.TEMPORAL_TASK_QUEUE,
      /** Set when there is a Temporal server already. The SDK reads it, and all else about the connection, itself. */
      address: values.TEMPORAL_ADDRESS,
      cliPath: values.TEMPORAL_CLI_PATH,
    }),
    databaseUrl: values.DATABASE_URL,
    maxDatabaseConnections: values.DATABASE_MAX_CONNECTIONS,
    http: Object.freeze({ host: values.HOST, port: values.PORT }),
    simulatorPort: values.SIMULATOR_PORT,
    simulatorWebhookUrl: values.SIMULATOR_WEBHOOK_URL,
    apiKeys: Object.freeze((values.PAYOUTS_API_KEYS ?? []).map((entry) => Object.freeze(entry))),
    logLevel: values.LOG_LEVEL,
    payoutPolicy: Object.freeze<PayoutPolicy>({
      depositDeadlineSeconds: values.DEPOSIT_DEADLINE_SECONDS,
      maxSlippageBps: values.MAX_SLIPPAGE_BPS,
      convertTimeoutSeconds: values.CONVERT_TIMEOUT_SECONDS,
      unknownOutcomeWaitSeconds: values.UNKNOWN_OUTCOME_WAIT_SECONDS,
      absenceChecks: values.ABSENCE_CHECKS,
      refusalWaitSeconds: values.REFUSAL_WAIT_SECONDS,
      onFailedAttempt: values.ON_FAILED_ATTEMPT,
      retryInitialMs,
      retryMaxMs,
    }),
    brakeAfterDifferences: values.BRAKE_AFTER_DIFFERENCES,
    isAccountShared: values.ACCOUNT_SHARED,
    depositTailDigits: values.DEPOSIT_TAIL_DIGITS,
    maxPayoutAmounts: Object.freeze(values.MAX_PAYOUT_AMOUNT),
    maxPriceChangeBps: values.MAX_PRICE_CHANGE_BPS,
    depositPatienceSeconds: values.DEPOSIT_NOTICE_PATIENCE_SECONDS,
    resendLimits: Object.freeze(values.RESEND_MAX_AMOUNT),
    sync: Object.freeze({
      intervalMs: values.PROVIDER_SYNC_INTERVAL_MS,
      overlapSeconds: values.SYNC_OVERLAP_SECONDS,
      maxRequestsPerSecond: values.QBITPAY_MAX_REQUESTS_PER_SECOND ?? null,
    }),
    reconciliation: Object.freeze({
      intervalSeconds: values.RECONCILIATION_INTERVAL_SECONDS,
      graceSeconds: values.RECONCILIATION_GRACE_SECONDS,
    }),
    shutdownTimeoutSeconds: values.SHUTDOWN_TIMEOUT_SECONDS,
  };
}

function toQbitPayConfig(values: VariableValues) {
  return {
    apiKey: toApiKeySetting(values),
    baseUrl: values.QBITPAY_BASE_URL,
    feeSide: values.QBITPAY_FEE_SIDE,
    /** Currency to network. */
    networks: Object.freeze(values.QBITPAY_NETWORKS),
    /** Currency to the address of its wallet. */
    depositAddresses: Object.freeze(values.QBITPAY_DEPOSIT_ADDRESSES ?? {}),
    depositProof: values.QBITPAY_DEPOSIT_PROOF,
    livemode: values.QBITPAY_LIVEMODE,
    webhookAlgorithm: values.QBITPAY_WEBHOOK_ALGORITHM,
    webhookExtraKeys: Object.freeze(values.QBITPAY_WEBHOOK_EXTRA_KEYS ?? []),
    depositEventTypes: Object.freeze(values.QBITPAY_DEPOSIT_EVENT_TYPES),
    maxRequestsPerSecond: values.QBITPAY_MAX_REQUESTS_PER_SECOND,
  };
}

function toApiKeySetting(values: VariableValues): ApiKeySetting | undefined {
  const { QBITPAY_API_KEY: value, QBITPAY_API_KEY_FILE: path } = values;
  if (path !== undefined) return sealed({ kind: 'file', path } as const);
  return value === undefined ? undefined : sealed({ kind: 'value', value } as const);
}

/** Freezes a part of the configuration; whoever prints it, by whatever way, sees nothing of it. */
function sealed<Part extends object>(part: Part): Part {
  const print = () => '[configuration]';
  Object.defineProperty(part, 'toJSON', { value: print });
  Object.defineProperty(part, inspect.custom, { value: print });
  return Object.freeze(part);
}
