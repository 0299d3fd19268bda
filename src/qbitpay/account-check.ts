import { QbitPayAnotherAccountError, QbitPayConnectionError } from './errors.js';
import type { Account } from './schemas.js';
import type { Transport } from './transport.js';

/**
 * A key can be another account's by mistake. With a key that this process has not used yet, the account is looked at before
 * anything else is asked: what another account has is neither read nor paid from.
 */

/** The account, read with one key, and whether it is the engine's. */
export type LookAtAccount = (
  send: Transport['send'],
  isKeyNew: boolean,
) => Promise<{ readonly account: Account; readonly isOwn: boolean }>;

export interface AccountCheck {
  /** As {@link Transport.send}, with a key of the engine's account only. @throws QbitPayAnotherAccountError */
  readonly send: Transport['send'];
  /** Looks at the account anew. @throws QbitPayAnotherAccountError where it is not the engine's */
  readonly readAccount: () => Promise<Account>;
}

export function createAccountCheck(transport: Transport, look: LookAtAccount): AccountCheck {
  /** The key whose account is the engine's; undefined before the first look, and after one that found another account. */
  let ownKey: number | undefined;
  let looking: Promise<Account> | undefined;

  async function lookOnce(): Promise<Account> {
    // A key that was put right is taken without a restart.
    await transport.reloadKey();
    const keyNumber = transport.keyNumber();
    const send: Transport['send'] = (request) => transport.send({ ...request, keyNumber });
    const { account, isOwn } = await look(send, keyNumber !== ownKey);
    ownKey = isOwn ? keyNumber : undefined;
    if (!isOwn) throw new QbitPayAnotherAccountError();
    return account;
  }

  function readAccount(): Promise<Account> {
    looking ??= lookOnce().finally(() => (looking = undefined));
    return looking;
  }

  return {
    readAccount,
    async send(request) {
      if (ownKey === undefined || ownKey !== transport.keyNumber()) {
        await readAccount().catch((error: unknown) => {
          // An answer to the look must not be taken for one to the request.
          throw request.method === 'POST' ? notSent(request.operation) : error;
        });
      }
      // Another look may have ended since.
      if (ownKey === undefined) throw notSent(request.operation);
      return transport.send({ ...request, keyNumber: ownKey });
    },
  };
}

function notSent(operation: string): QbitPayConnectionError {
  return new QbitPayConnectionError(operation, { sent: false, code: 'ERR_ACCOUNT_NOT_CHECKED' });
}
