import { createLogger } from '../../../src/config/logger.js';

const CANARY = 'canary-51c9';

function capture(level: 'info' | 'warn' = 'info') {
  const lines: string[] = [];
  const logger = createLogger({ level, name: 'test' }, { write: (line) => lines.push(line) });
  return { logger, lines };
}

describe('createLogger', () => {
  it('writes one JSON object a line, with the level as a word and the time in UTC', () => {
    const { logger, lines } = capture();
    logger.info({ payoutId: 'inv-1' }, 'opened');
    const entry = JSON.parse(lines[0] ?? '') as Record<string, string>;
    expect(entry).toMatchObject({ level: 'info', name: 'test', payoutId: 'inv-1', msg: 'opened' });
    expect(entry['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('keeps to its level', () => {
    const { logger, lines } = capture('warn');
    logger.info('too much');
    expect(lines).toEqual([]);
  });

  it.each<[string, object]>([
    ['a header', { req: { headers: { authorization: `Bearer ${CANARY}` } } }],
    ['a key', { qbitpay: { apiKey: CANARY } }],
    ['a destination', { payout: { request: { destination: { bankAccountNum: CANARY } } } }],
    ['a database URL', { databaseUrl: `postgres://a:${CANARY}@b/c` }],
  ])('redacts %s', (_name, entry) => {
    const { logger, lines } = capture();
    logger.info(entry, 'line');
    expect(lines.join('')).not.toContain(CANARY);
    expect(lines.join('')).toContain('[redacted]');
  });

  it('shows of an error what it says, and none of what libraries hang on it', () => {
    const { logger, lines } = capture();
    const cause = Object.assign(new Error('connect refused'), {
      code: 'ECONNREFUSED',
      options: { key: CANARY },
    });
    const error = Object.assign(new Error('query failed', { cause }), { code: '08006', detail: CANARY });
    logger.error({ err: error }, 'failed');
    logger.error(error);
    expect(lines.join('')).not.toContain(CANARY);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      err: { type: 'Error', message: 'query failed', code: '08006', cause: { code: 'ECONNREFUSED' } },
    });
  });
});
