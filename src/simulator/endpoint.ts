import { type Fields, object, readFields, type Shape } from './fields.js';

export interface RawRequest {
  /** The `{id}` of the path. */
  readonly id: string;
  readonly query: unknown;
  /** Parses the body; throws 400 when it is no JSON. */
  readonly body: () => unknown;
  /** Where an endpoint notes the ids of what the request made. */
  readonly effects: string[];
}

export interface Call<Q extends Shape, B extends Shape> {
  readonly id: string;
  readonly query: Fields<Q>;
  readonly body: Fields<B>;
  readonly effects: string[];
}

/** One call of the API or of the control surface. */
export interface Endpoint {
  /** As faults, latency and the journal name it: `GET /api/v1/payouts/{id}`. */
  readonly name: string;
  /** Answers the body of the answer. */
  readonly serve: (request: RawRequest) => unknown;
}

/** An endpoint with the parameters that it takes; all others are refused. */
export function endpoint<Q extends Shape, B extends Shape>(
  name: string,
  fields: { readonly query?: Q; readonly body?: B },
  serve: (call: Call<Q, B>) => unknown,
): Endpoint {
  const query = object(fields.query ?? {});
  const body = object(fields.body ?? {});
  const hasBody = /^(?:POST|PATCH) /.test(name);
  return {
    name,
    serve: (request) =>
      serve({
        id: request.id,
        effects: request.effects,
        query: readFields(query, request.query) as Fields<Q>,
        body: (hasBody ? readFields(body, request.body()) : {}) as Fields<B>,
      }),
  };
}
