import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import type { ApiKeyEntry } from '../domain/api-key-entry.js';
import type { ApiBackends, ApiServer } from './api-server.js';
import { createAuthentication } from './authentication.js';
import { addAnswerRoute } from './answers.js';
import { addBrakeRoutes } from './brakes.js';
import { addDepositRoutes } from './deposits.js';
import { answerClientError, answerError } from './error-handler.js';
import { addHealthRoutes } from './health.js';
import { addRequestHooks, answerUnknownRoutes, createRequestId, readJsonBodiesOnly } from './hooks.js';
import { addAdjustmentRoutes } from './adjustments.js';
import { addLedgerRoutes } from './ledger.js';
import { addOpenApi } from './openapi.js';
import { addPayoutDecisionRoutes } from './payout-decisions.js';
import { addPayoutRoutes } from './payouts.js';
import { withCommonProblems } from './problem.js';
import { addProviderRoute } from './provider.js';
import { addReconciliationRoute } from './reconciliation.js';

export interface ApiDependencies extends ApiBackends {
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
/** Without a byte in either direction; longer than the longest answer takes (a comparison with QbitPay, 45 s). */
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
  app.addHook('onRoute', (route) => {
    // The routes without a key say so.
    if (route.schema && !route.schema.security) route.schema = withCommonProblems(route.schema);
  });
  const parts = { ...dependencies, authentication: createAuthentication(dependencies.apiKeys) };
  addHealthRoutes(app, dependencies);
  addPayoutRoutes(app, parts);
  addPayoutDecisionRoutes(app, parts);
  addAnswerRoute(app, parts);
  addDepositRoutes(app, parts);
  addLedgerRoutes(app, parts);
  addAdjustmentRoutes(app, parts);
  addReconciliationRoute(app, parts);
  addProviderRoute(app, parts);
  addBrakeRoutes(app, parts);
}
