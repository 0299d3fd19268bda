import { isOutage } from '../../../src/api/outage.js';
import { TemporalUnavailableError } from '../../../src/temporal/payout-gateway.js';

const withCode = (code: string) => Object.assign(new Error('failed'), { code });

describe('isOutage', () => {
  it.each<[string, unknown]>([
    ['Temporal away', new TemporalUnavailableError('away')],
    ['a refused connection', withCode('ECONNREFUSED')],
    [
      'a refused connection on both addresses',
      Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }),
    ],
    ['an unknown host', withCode('ENOTFOUND')],
    ['a server that shuts down', withCode('57P01')],
    ['a cancelled statement', withCode('57014')],
    ['too many connections', withCode('53300')],
    ['a deadlock', withCode('40P01')],
    ['a broken connection', new Error('Connection terminated unexpectedly')],
    ['a full pool', new Error('timeout exceeded when trying to connect')],
  ])('%s is one', (_name, error) => {
    expect(isOutage(error)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a duplicate key', withCode('23505')],
    ['a missing table', withCode('42P01')],
    ['a mistake of ours', new TypeError('undefined is not a function')],
    ['a text', 'ECONNREFUSED'],
    ['nothing', undefined],
  ])('%s is none', (_name, error) => {
    expect(isOutage(error)).toBe(false);
  });
});
