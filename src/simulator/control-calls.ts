import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readBody } from './api-routes.js';
import { sendJson } from './fault-answers.js';
import { notFound, ProviderError } from './provider-error.js';
import { RequestFields } from './request-fields.js';
import type { SimulatorCore } from './simulator-core.js';

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export interface ControlCall {
  /** The `{id}` of the path. */
  readonly id: string;
  readonly query: RequestFields;
  /** The body's fields; a call without a body has none. */
  readonly fields: RequestFields;
}

/** Registers calls of the control surface: strict parameters in, exact JSON out, errors with the field named. */
export class ControlSurface {
  readonly core: SimulatorCore;
  readonly #app: FastifyInstance;

  constructor(app: FastifyInstance, core: SimulatorCore) {
    this.core = core;
    this.#app = app;
  }

  /** Registers a call whose changes are one transaction. The path may carry `{id}`. */
  on(method: Method, path: string, answer: (call: ControlCall) => unknown): void {
    this.#register(method, path, (call) => this.core.state.transaction(() => answer(call)));
  }

  /** Registers a call that waits for something; it opens its own transactions. */
  onAsync(method: Method, path: string, answer: (call: ControlCall) => Promise<unknown>): void {
    this.#register(method, path, answer);
  }

  #register(method: Method, path: string, answer: (call: ControlCall) => unknown): void {
    this.#app.route({
      method,
      url: `/_simulator${path.replace('{id}', ':id')}`,
      handler: async (request, reply) => {
        let answered: unknown;
        try {
          answered = await answer(toCall(request));
        } catch (error) {
          return sendControlError(reply, error);
        }
        return sendJson(reply, 200, answered);
      },
    });
  }
}

function toCall(request: FastifyRequest): ControlCall {
  const { id = '' } = request.params as { id?: string };
  const hasBody = typeof request.body === 'string' && request.body !== '';
  return {
    id,
    query: new RequestFields({ ...(request.query as object) }, 'query'),
    fields: hasBody ? readBody(request, true) : new RequestFields({}),
  };
}

function sendControlError(reply: FastifyReply, error: unknown): FastifyReply {
  if (!(error instanceof ProviderError)) throw error;
  const { field } = error;
  return sendJson(reply, error.status, { ...error.body(), ...(field === undefined ? {} : { field }) });
}

/** The record, or a 404 naming what was looked for. */
export function findOr404<R>(record: R | undefined, what: string): R {
  if (record === undefined) throw notFound(what);
  return record;
}
