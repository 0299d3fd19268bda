import { fastifySwagger, type SwaggerTransformObject } from '@fastify/swagger';
import { fastifySwaggerUi } from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';

const TITLE = 'QbitPay payouts';
const DESCRIPTION =
  'Asks for payouts, says what to deposit for them, and shows how far they are and where the money is. Amounts are decimal strings, times are ISO 8601 in UTC, errors are problem+json (RFC 9457).';

/** Which group the document shows a route in, by the first part of its path. */
const TAGS: Readonly<Record<string, string>> = {
  payouts: 'payouts',
  deposits: 'deposits',
  balances: 'ledger',
  ledger: 'ledger',
  reconciliation: 'ledger',
  provider: 'provider',
  brakes: 'provider',
  livez: 'health',
  readyz: 'health',
};

/** Scripts and styles of this server only: the page works offline and tells nobody that it was opened. */
const DOCS_CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Adds `/openapi.json` and `/docs`, which describe the routes that are added after it. */
export async function addOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: TITLE, description: DESCRIPTION, version },
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
      security: [{ apiKey: [] }],
      tags: [...new Set(Object.values(TAGS))].map((name) => ({ name })),
    },
    transform: (route) => {
      const [, part = ''] = /^\/(?:v1\/)?(\w+)/.exec(route.url) ?? [];
      const tag = TAGS[part];
      return jsonSchemaTransform({ ...route, schema: { ...route.schema, ...(tag && { tags: [tag] }) } });
    },
    transformObject: (document) => withoutUnusedSchemas(jsonSchemaTransformObject(document)),
  });
  await app.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    staticCSP: DOCS_CONTENT_SECURITY_POLICY,
    theme: { title: TITLE },
  });
  app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => reply.send(app.swagger()));
}

type Document = ReturnType<SwaggerTransformObject>;

/** The transform names every schema as a request and as an answer, whichever it is used for. */
function withoutUnusedSchemas(document: Document): Document {
  if (!('components' in document)) return document;
  const schemas = document.components.schemas ?? {};
  const used = new Set<string>();
  const collect = (part: object): void => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue;
      used.add(name);
      collect(schemas[name] ?? {});
    }
  };
  collect(document.paths ?? {});
  for (const name of Object.keys(schemas)) {
    if (!used.has(name)) Reflect.deleteProperty(schemas, name);
  }
  return document;
}
