import { inspect } from 'node:util';
import type { ApiKeySetting, Config, QbitPayConfig } from './config.js';

/** A plain object for the log line of a start: everything that is set, and no secret. */
export function describeConfig(config: Config): Record<string, unknown> {
  return {
    ...config,
    qbitpay: describeQbitPay(config.qbitpay),
    databaseUrl: config.databaseUrl === undefined ? undefined : describeDatabase(config.databaseUrl),
    apiKeys: config.apiKeys.map(({ name, scopes }) => `${name}:${scopes.join('+')}`),
  };
}

export function describeQbitPay(qbitpay: QbitPayConfig): Record<string, unknown> {
  return {
    ...qbitpay,
    apiKey: qbitpay.apiKey === undefined ? undefined : describeApiKey(qbitpay.apiKey),
    webhookExtraKeys: qbitpay.webhookExtraKeys.length,
  };
}

export function describeApiKey(apiKey: ApiKeySetting): Record<string, unknown> {
  return apiKey.kind === 'file' ? { ...apiKey } : { kind: apiKey.kind, value: '[redacted]' };
}

/** Host, port and name only: user, password and parameters can all be secret. */
function describeDatabase(databaseUrl: string): string {
  const { protocol, host, pathname } = new URL(databaseUrl);
  return `${protocol}//${host}${pathname}`;
}

/** Freezes a part of the configuration and makes every way of printing it show the description instead. */
export function frozenAndRedacted<Part extends object>(
  part: Part,
  describe: (part: Part) => Record<string, unknown>,
): Part {
  const print = () => describe(part);
  Object.defineProperty(part, 'toJSON', { value: print });
  Object.defineProperty(part, inspect.custom, { value: print });
  return Object.freeze(part);
}
