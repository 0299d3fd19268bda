import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PayoutPolicy } from '../domain/policy.js';
import type { Store } from '../store/store.js';
import type { PayoutGateway } from '../temporal/payout-gateway.js';
import type { ReconciliationGateway } from '../temporal/reconciliation-gateway.js';
import type { Authentication } from './authentication.js';

/** The server as the routes of this room see it: with zod schemas. */
export type ApiServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What the API needs of the store. */
export interface ApiStore extends Pick<Store, 'ping'> {
  readonly payouts: Pick<
    Store['payouts'],
    'accept' | 'findPayout' | 'listPayouts' | 'readTimeline' | 'whyNotCancelled'
  >;
  readonly deposits: Pick<
    Store['deposits'],
    | 'assignDeposits'
    | 'readAgain'
    | 'declareTransaction'
    | 'findDeposit'
    | 'findDepositsOfTransaction'
    | 'listDeposits'
    | 'listOpenNotices'
    | 'noteDeposit'
  >;
  readonly decisions: Pick<Store['decisions'], 'answerEarly' | 'nameOperation'>;
  readonly requests: Pick<Store['requests'], 'listAnswers'>;
  readonly brakes: Store['brakes'];
  readonly mirror: Pick<Store['mirror'], 'readStatus'>;
  readonly ledger: Pick<
    Store['ledger'],
    'adjustLedger' | 'listLedgerEntries' | 'readBalances' | 'readPostingsOf'
  >;
}

/** What answers the API's questions. */
export interface ApiBackends {
  readonly store: ApiStore;
  readonly payouts: Pick<PayoutGateway, 'open' | 'cancel' | 'decide' | 'ping'>;
  /** By which waits the payouts are carried out that the API accepts. */
  readonly payoutPolicy: PayoutPolicy;
  /** How long a notice may stay without money before it is shown as unverified. */
  readonly depositPatienceSeconds: number;
  readonly reconciliation: ReconciliationGateway;
}

export interface RouteDependencies extends ApiBackends {
  readonly authentication: Authentication;
}
