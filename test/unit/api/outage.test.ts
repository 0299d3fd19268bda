import { runInNewContext } from 'node:vm';
import { isOutage } from '../../../src/api/outage.js';
import { TemporalUnavailableError } from '../../../src/temporal/temporal-unavailable-error.js';

const withCode = (code: string) => Object.assign(new Error('failed'), { code });
const causedBy = (cause: unknown) => new Error('failed', { cause });
/** As PostgreSQL refuses or ends a session. */
const fatal = (code: string) => Object.assign(withCode(code), { severity: 'FATAL' });

/** An error that is its own cause. */
function circular(): Error {
  const error = new Error('failed');
  return Object.assign(error, { cause: error });
}

describe('isOutage', () => {
  it.each<[string, unknown]>([
    ['Temporal away', new TemporalUnavailableError('away')],
    ['a refused connection', withCode('ECONNREFUSED')],
    [
      'a refused connection on both addresses',
      Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }),
    ],
    [
      'a refused connection on both addresses, without a code of its own',
      new AggregateError([withCode('ECONNREFUSED'), withCode('ECONNREFUSED')]),
    ],
    ['a refused connection that another error wraps', causedBy(causedBy(withCode('ECONNREFUSED')))],
    [
      'a refused connection of another realm',
      runInNewContext(`Object.assign(new Error(''), { code: 'ECONNREFUSED' })`),
    ],
    ['an unknown host', withCode('ENOTFOUND')],
    ['a server that shuts down', withCode('57P01')],
    ['a server that does not accept connections yet', withCode('57P03')],
    ['a server that recovers from the end of another session', withCode('57P02')],
    ['a database that takes no sessions', fatal('55000')],
    ['a server that refuses the session', fatal('28P01')],
    ['a server that became a standby', withCode('25006')],
    ['a transaction that was ended while it did nothing', withCode('25P03')],
    ['a cancelled statement', withCode('57014')],
    ['too many connections', withCode('53300')],
    ['a deadlock', withCode('40P01')],
    ['a broken connection', new Error('Connection terminated unexpectedly')],
    [
      'a connection that broke in a transaction',
      new Error('Client has encountered a connection error and is not queryable'),
    ],
    ['a connection that did not stand in time', new Error('Connection terminated due to connection timeout')],
    ['a connection that was closed', new Error('Client was closed and is not queryable')],
    ['a server that went silent', new Error('Query read timeout')],
    ['a full pool', new Error('timeout exceeded when trying to connect')],
  ])('%s is one', (_name, error) => {
    expect(isOutage(error)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a duplicate key', withCode('23505')],
    ['a state that forbids the statement', withCode('55000')],
    ['an error that is its own cause', circular()],
    ['a mistake of ours that another error wraps', causedBy(new TypeError('undefined is not a function'))],
    ['a missing table', withCode('42P01')],
    ['a mistake of ours', new TypeError('undefined is not a function')],
    ['a text', 'ECONNREFUSED'],
    ['nothing', undefined],
  ])('%s is none', (_name, error) => {
    expect(isOutage(error)).toBe(false);
  });
});
