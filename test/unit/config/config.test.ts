import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import {
  ConfigError,
  readConfig,
  withoutEmptyValues,
  type Environment,
  type ProcessName,
} from '../../../src/config/config.js';
import { DEFAULT_PAYOUT_POLICY } from '../../../src/domain/policy.js';

const CANARY = 'canary-8d1f2c';
const DATABASE_URL = `postgres://engine:${CANARY}@db.example:5432/payouts?sslpassword=${CANARY}`;
const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const COMPLETE: Environment = {
  QBITPAY_API_KEY: `key-${CANARY}`,
  QBITPAY_BASE_URL: 'https://api.example.com',
  QBITPAY_FEE_SIDE: 'deducted',
  QBITPAY_NETWORKS: 'USDT:TRC20, USDC:ERC20',
  QBITPAY_WEBHOOK_EXTRA_KEYS: `old-${CANARY},older-${CANARY}`,
  TEMPORAL_API_KEY: `temporal-${CANARY}`,
  DATABASE_URL,
  PAYOUTS_API_KEYS: `shop:create+read:${sha256('shop')}:shop-gmbh,ops:operate:${sha256('ops').toUpperCase()}`,
};

function failureOf(env: Environment, processName: ProcessName = 'start'): ConfigError {
  try {
    readConfig(env, processName);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('readConfig', () => {
  it('starts with nothing set, on the defaults of the domain', () => {
    const config = readConfig({}, 'start');
    expect(config).toMatchObject({
      qbitpay: {
        feeSide: 'added',
        networks: { USDT: 'TRC20' },
        depositProof: 'balance_transaction',
        livemode: true,
        webhookAlgorithm: 'md5',
        webhookExtraKeys: [],
        depositEventTypes: ['deposit.confirmed'],
      },
      temporal: { taskQueue: 'qbitpay-payouts' },
      http: { host: '127.0.0.1', port: 8080 },
      apiKeys: [],
      logLevel: 'info',
      payoutPolicy: DEFAULT_PAYOUT_POLICY,
      depositPatienceSeconds: 3600,
      reconciliation: { intervalSeconds: 3600, graceSeconds: 120 },
      shutdownTimeoutSeconds: 90,
    });
    expect(config.qbitpay.apiKey).toBeUndefined();
    expect(config.databaseUrl).toBeUndefined();
    expect(config.qbitpay.maxRequestsPerSecond).toBeUndefined();
    expect(config.simulatorPort).toBeUndefined();
    expect(config.resendLimits).toEqual({});
  });

  it('reads every part of a complete environment', () => {
    const config = readConfig(
      {
        ...COMPLETE,
        QBITPAY_LIVEMODE: 'false',
        QBITPAY_MAX_REQUESTS_PER_SECOND: '2.5',
        TEMPORAL_ADDRESS: 'temporal.example:7233',
        TEMPORAL_CLI_PATH: '/opt/temporal',
        PORT: '0',
        SIMULATOR_PORT: '9090',
        MAX_SLIPPAGE_BPS: '0',
        RETRY_MAX_MS: '2000',
        RESEND_MAX_AMOUNT: 'EUR:500, USDT:0.5',
        DEPOSIT_NOTICE_PATIENCE_SECONDS: '7',
      },
      'worker',
    );
    expect(config.qbitpay).toMatchObject({
      apiKey: { kind: 'value', value: `key-${CANARY}` },
      feeSide: 'deducted',
      networks: { USDT: 'TRC20', USDC: 'ERC20' },
      livemode: false,
      webhookExtraKeys: [`old-${CANARY}`, `older-${CANARY}`],
      maxRequestsPerSecond: 2.5,
    });
    expect(config.temporal).toMatchObject({ address: 'temporal.example:7233', cliPath: '/opt/temporal' });
    expect(config.http.port).toBe(0);
    expect(config.simulatorPort).toBe(9090);
    expect(config.payoutPolicy).toMatchObject({ maxSlippageBps: 0, retryMaxMs: 2000 });
    expect(config.depositPatienceSeconds).toBe(7);
    expect(config.resendLimits).toEqual({ EUR: '500', USDT: '0.5' });
    expect(config.apiKeys).toEqual([
      { name: 'shop', scopes: ['create', 'read'], sha256: sha256('shop'), owner: 'shop-gmbh' },
      { name: 'ops', scopes: ['operate'], sha256: sha256('ops'), owner: 'default' },
    ]);
  });

  it('takes the key from a file when one is named', () => {
    const config = readConfig({ QBITPAY_API_KEY_FILE: '/run/secrets/key' }, 'simulator');
    expect(config.qbitpay.apiKey).toEqual({ kind: 'file', path: '/run/secrets/key' });
  });

  it('takes an empty variable as unset', () => {
    expect(readConfig({ PORT: '', DATABASE_URL: '', QBITPAY_API_KEY: '' }, 'start').http.port).toBe(8080);
    expect(withoutEmptyValues({ A: '', B: 'b', C: undefined })).toEqual({ B: 'b' });
  });

  it('is frozen in every part', () => {
    const config = readConfig(COMPLETE, 'worker');
    const parts = [
      config,
      config.qbitpay,
      config.qbitpay.apiKey,
      config.qbitpay.networks,
      config.qbitpay.depositAddresses,
      config.qbitpay.webhookExtraKeys,
      config.qbitpay.depositEventTypes,
      config.temporal,
      config.http,
      config.apiKeys,
      config.apiKeys[0],
      config.payoutPolicy,
    ];
    expect(parts.map((part) => Object.isFrozen(part))).toEqual(parts.map(() => true));
  });
});

describe('a wrong value', () => {
  const wrongValues: [string, string][] = [
    ['QBITPAY_API_KEY', 'two words'],
    ['QBITPAY_API_KEY', 'with:colon'],
    ['QBITPAY_API_KEY', 'line\n'],
    ['QBITPAY_BASE_URL', 'api.example.com'],
    ['QBITPAY_BASE_URL', 'ftp://api.example.com'],
    ['QBITPAY_BASE_URL', 'https://user@api.example.com'],
    ['QBITPAY_BASE_URL', 'https://api.example.com?x=1'],
    ['QBITPAY_BASE_URL', 'https://api.example.com#x'],
    ['QBITPAY_FEE_SIDE', 'Added'],
    ['QBITPAY_NETWORKS', 'USDT'],
    ['QBITPAY_NETWORKS', 'usdt:TRC20'],
    ['QBITPAY_NETWORKS', 'USDT:TRC20,USDT:ERC20'],
    ['QBITPAY_NETWORKS', 'USDT:TRC20,'],
    ['QBITPAY_NETWORKS', 'USDT:TRC20:X'],
    ['QBITPAY_DEPOSIT_ADDRESSES', 'TXabc'],
    ['QBITPAY_DEPOSIT_ADDRESSES', 'USDT:TXabc,USDT:TXdef'],
    ['QBITPAY_DEPOSIT_PROOF', 'none'],
    ['QBITPAY_LIVEMODE', '1'],
    ['QBITPAY_LIVEMODE', 'TRUE'],
    ['QBITPAY_WEBHOOK_ALGORITHM', 'sha1'],
    ['QBITPAY_WEBHOOK_EXTRA_KEYS', 'a,,b'],
    ['QBITPAY_WEBHOOK_EXTRA_KEYS', 'a,a'],
    ['QBITPAY_DEPOSIT_EVENT_TYPES', 'deposit confirmed'],
    ['QBITPAY_MAX_REQUESTS_PER_SECOND', '0'],
    ['QBITPAY_MAX_REQUESTS_PER_SECOND', '-1'],
    ['QBITPAY_MAX_REQUESTS_PER_SECOND', '1e2'],
    ['QBITPAY_MAX_REQUESTS_PER_SECOND', 'Infinity'],
    ['TEMPORAL_ADDRESS', 'https://temporal.example:7233'],
    ['TEMPORAL_ADDRESS', 'temporal.example'],
    ['TEMPORAL_TLS', 'yes'],
    ['TEMPORAL_TASK_QUEUE', 'two words'],
    ['DATABASE_URL', 'mysql://db/payouts'],
    ['DATABASE_URL', 'db.example:5432/payouts'],
    ['HOST', 'http://localhost'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '80.0'],
    ['PORT', '0x50'],
    ['SIMULATOR_PORT', ' 80'],
    ['LOG_LEVEL', 'verbose'],
    ['DEPOSIT_DEADLINE_SECONDS', '0'],
    ['DEPOSIT_DEADLINE_SECONDS', '10abc'],
    ['DEPOSIT_DEADLINE_SECONDS', '1e3'],
    ['DEPOSIT_DEADLINE_SECONDS', 'NaN'],
    ['MAX_SLIPPAGE_BPS', '5001'],
    ['MAX_SLIPPAGE_BPS', '1.5'],
    ['CONVERT_TIMEOUT_SECONDS', '0'],
    ['RESEND_MAX_AMOUNT', 'EUR'],
    ['RESEND_MAX_AMOUNT', 'EUR:5,EUR:6'],
    ['RETRY_INITIAL_MS', '0'],
    ['RETRY_MAX_MS', '99999999999999999999'],
    ['DEPOSIT_NOTICE_PATIENCE_SECONDS', ''.padEnd(3)],
    ['RECONCILIATION_INTERVAL_SECONDS', '9'],
    ['RECONCILIATION_GRACE_SECONDS', '-1'],
    ['SHUTDOWN_TIMEOUT_SECONDS', '601'],
  ];

  it.each(wrongValues)('%s=%j stops the start with one line that names the variable', (name, value) => {
    const error = failureOf({ [name]: value });
    expect(error.variable).toBe(name);
    expect(error.message).toMatch(new RegExp(`^${name} must be [^\\n]+\\.$`));
  });

  it('is shown, on one line and shortened, when it is no secret', () => {
    expect(failureOf({ LOG_LEVEL: 'a\nb' }).message).toBe(
      'LOG_LEVEL must be fatal, error, warn, info, debug, trace, or silent; it is "a\\nb".',
    );
    expect(failureOf({ PORT: '9'.repeat(500) }).message.length).toBeLessThan(250);
  });

  it.each([
    'QBITPAY_API_KEY',
    'QBITPAY_BASE_URL',
    'QBITPAY_WEBHOOK_EXTRA_KEYS',
    'DATABASE_URL',
    'PAYOUTS_API_KEYS',
  ])('is never shown for %s', (name) => {
    expect(failureOf({ [name]: `${CANARY} ${CANARY},:@` }).message).not.toContain(CANARY);
  });

  it('refuses two sources of the key', () => {
    const error = failureOf({ QBITPAY_API_KEY: CANARY, QBITPAY_API_KEY_FILE: '/key' });
    expect(error.message).toBe('QBITPAY_API_KEY and QBITPAY_API_KEY_FILE are both set: unset one of them.');
  });

  it('refuses a longest pause below the first one', () => {
    expect(failureOf({ RETRY_INITIAL_MS: '5000', RETRY_MAX_MS: '4999' }).variable).toBe('RETRY_MAX_MS');
  });
});

describe('PAYOUTS_API_KEYS', () => {
  const hash = sha256('one');
  it.each([
    ['shop', 'entry 1'],
    [`shop:create:${hash},`, 'entry 2'],
    [`shop:create:${hash}:x:y`, 'entry 1'],
    [`shop:create:${hash}:`, 'owner'],
    [`shop:create:${hash}:my shop`, 'owner'],
    [`my shop:create:${hash}`, 'name'],
    [`:create:${hash}`, 'name'],
    [`shop::${hash}`, 'scopes'],
    [`shop:create+admin:${hash}`, 'scopes'],
    [`shop:create+create:${hash}`, 'scopes'],
    [`shop:create:${hash.slice(1)}`, 'SHA-256'],
    [`shop:create:${CANARY}`, 'SHA-256'],
    [`shop:create:${hash},shop:read:${sha256('two')}`, 'twice'],
    [`shop:create:${hash},other:read:${hash.toUpperCase()}`, 'of its own'],
  ])('%s is refused', (value, hint) => {
    const error = failureOf({ PAYOUTS_API_KEYS: value });
    expect(error.message).toMatch(/^PAYOUTS_API_KEYS [^\n]+\.$/);
    expect(error.message).toContain(hint);
    expect(error.message).not.toContain(hash);
    expect(error.message).not.toContain(CANARY);
  });

  it.each(['0.0.0.0', '::', 'payouts.example', '192.168.1.2'])('is needed to listen on %s', (host) => {
    expect(failureOf({ HOST: host }).message).toBe(
      `HOST is "${host}", which others can reach: set PAYOUTS_API_KEYS, or HOST to 127.0.0.1.`,
    );
    expect(failureOf({ ...COMPLETE, PAYOUTS_API_KEYS: undefined, HOST: host }, 'api').variable).toBe('HOST');
    expect(readConfig({ ...COMPLETE, HOST: host }, 'api').http.host).toBe(host);
  });

  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('is not needed on %s', (host) => {
    expect(readConfig({ HOST: host }, 'start').http.host).toBe(host);
  });

  it('is no business of processes without the API', () => {
    expect(readConfig({ DATABASE_URL, HOST: '0.0.0.0' }, 'migrate').http.host).toBe('0.0.0.0');
  });
});

describe('what a process needs', () => {
  it.each<[ProcessName, string[]]>([
    [
      'worker',
      ['QBITPAY_API_KEY', 'QBITPAY_BASE_URL', 'DATABASE_URL', 'QBITPAY_FEE_SIDE', 'QBITPAY_NETWORKS'],
    ],
    ['api', ['QBITPAY_API_KEY', 'DATABASE_URL']],
    ['migrate', ['DATABASE_URL']],
    ['simulator', ['QBITPAY_API_KEY']],
    ['start', ['QBITPAY_API_KEY', 'QBITPAY_FEE_SIDE', 'QBITPAY_NETWORKS']],
  ])('%s says which variable is missing', (processName, needed) => {
    for (const name of Object.keys(COMPLETE)) {
      const env = { ...COMPLETE, [name]: undefined };
      if (needed.includes(name)) {
        const error = failureOf(env, processName);
        expect(error.variable).toBe(name);
        expect(error.message).toMatch(/^[A-Z_]+ [^\n]+\.$/);
        expect(error.message).not.toContain(CANARY);
      } else {
        expect(() => readConfig(env, processName)).not.toThrow();
      }
    }
  });
});

describe('printing the configuration', () => {
  const config = readConfig({ ...COMPLETE, QBITPAY_API_KEY: CANARY }, 'worker');

  it.each<[string, unknown]>([
    ['the whole', config],
    ['the provider part', config.qbitpay],
    ['the key', config.qbitpay.apiKey],
  ])('shows no secret in %s', (_name, part) => {
    const printed = [JSON.stringify(part), inspect(part, { depth: 9 })].join('\n');
    expect(printed).not.toContain(CANARY);
    expect(printed).not.toContain(sha256('shop'));
  });
});
