import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import type { DepositGateway } from '../temporal/deposit-gateway.js';
import type { PayoutGateway } from '../temporal/payout-gateway.js';
import type { ReconciliationGateway } from '../temporal/reconciliation-gateway.js';
import type { ApiServer } from './api-server.js';
import type { ApiKeyEntry } from '../domain/api-key-entry.js';
import { addAssignDeposit } from './assign-deposit.js';
import { createAuthentication } from './authentication.js';
import type { ApiStore } from './store-port.js';
import { addCancelPayout } from './cancel-payout.js';
import { addCreatePayout } from './create-payout.js';
import { addDeclareDeposit } from './declare-deposit.js';
import { addGetDeposit } from './get-deposit.js';
import { addGetPayout } from './get-payout.js';
import { addGetReconciliation } from './get-reconciliation.js';
import { addHealth } from './health.js';
import { readJsonBodiesOnly } from './json-body.js';
import { addListBalances } from './list-balances.js';
import { addListDeposits } from './list-deposits.js';
import { addListLedger } from './list-ledger.js';
import { addOperatePayout } from './operate-payout.js';
import { addListPayouts } from './list-payouts.js';
import { addOpenApi } from './openapi.js';
import { answerClientError, answerError } from './problem-answers.js';
import { addRecordDeposit } from './record-deposit.js';
import { addRequestHooks, createRequestId } from './request-hooks.js';
import { answerUnknownRoutes } from './unknown-routes.js';

export interface ApiDependencies {
  readonly store: ApiStore;
  readonly payouts: PayoutGateway;
  readonly deposits: DepositGateway;
  readonly reconciliation: ReconciliationGateway;
  /** Empty: no key is needed, and only local requests are answered. */
  readonly apiKeys: readonly ApiKeyEntry[];
  readonly logger: Logger;
  /** True from the moment the process is asked to stop. */
  isDraining(): boolean;
  readonly version: string;
  /**
   * Adds routes of another room to the same server, in a context of their own: without a key, with their own
   * body parsers, and with errors answered as problem+json like all others.
   */
  register?(app: FastifyInstance): Promise<void>;
}

const BODY_LIMIT_BYTES = 64 * 1024;
/** For a request to arrive in whole. */
const REQUEST_TIMEOUT_MS = 15_000;
/** Without a byte in either direction; longer than opening a payout takes (10 s, and the database on top). */
const CONNECTION_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_TIMEOUT_MS = 10_000;
/** Longer than any id, so that an id that is too long is answered as such. */
const MAX_PARAMETER_LENGTH = 1024;

/** The API, ready to listen. The caller listens, and closes it. */
export async function createApi(dependencies: ApiDependencies): Promise<FastifyInstance> {
  const loggerInstance: FastifyBaseLogger = dependencies.logger;
  const app: FastifyInstance = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: createRequestId,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
    // Connections that are open when the server closes are served and then closed, not turned away.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    clientErrorHandler: answerClientError,
  });
  app.setErrorHandler(answerError);
  answerUnknownRoutes(app);
  addRequestHooks(app, () => dependencies.isDraining());
  await addOpenApi(app, dependencies.version);
  await app.register((scope, _options, done) => {
    addRoutes(scope.withTypeProvider<ZodTypeProvider>(), dependencies);
    done();
  });
  await app.register(async (scope) => {
    await dependencies.register?.(scope);
  });
  await app.ready();
  return app;
}

function addRoutes(app: ApiServer, dependencies: ApiDependencies): void {
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  readJsonBodiesOnly(app);
  const authentication = createAuthentication(dependencies.apiKeys);
  const parts = { ...dependencies, authentication };
  addHealth(app, dependencies);
  addCreatePayout(app, parts);
  addListPayouts(app, parts);
  addGetPayout(app, parts);
  addCancelPayout(app, parts);
  addOperatePayout(app, parts);
  addDeclareDeposit(app, parts);
  addListDeposits(app, parts);
  addRecordDeposit(app, parts);
  addGetDeposit(app, parts);
  addAssignDeposit(app, parts);
  addListBalances(app, parts);
  addListLedger(app, parts);
  addGetReconciliation(app, parts);
}
