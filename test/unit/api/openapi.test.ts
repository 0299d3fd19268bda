import { closeApis, createFakes, openApi } from './api-fixture.js';

afterEach(closeApis);

interface Operation {
  readonly operationId: string;
  readonly security?: unknown[];
  readonly requestBody?: { content: Record<string, { schema: object }> };
  readonly responses: Record<string, { description: string; content: Record<string, { schema: object }> }>;
}
interface Document {
  readonly openapi: string;
  readonly info: { version: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, object>; securitySchemes: object };
}

async function readDocument(): Promise<Document> {
  const { app } = await openApi(createFakes());
  return (await app.inject('/openapi.json')).json<Document>();
}

describe('/openapi.json', () => {
  it('documents every route with its answers', async () => {
    const { openapi, info, paths } = await readDocument();
    expect([openapi, info.version]).toEqual(['3.1.0', '1.2.3']);
    const statuses = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { responses }]) => [
        `${method.toUpperCase()} ${path}`,
        Object.keys(responses).join(' '),
      ]),
    );
    expect(Object.fromEntries(statuses)).toEqual({
      'GET /livez': '200',
      'GET /readyz': '200 503',
      'POST /v1/payouts': '200 201 202 400 401 403 409 413 415 422 500 503',
      'GET /v1/payouts': '200 400 401 403 500 503',
      'GET /v1/payouts/{payoutId}': '200 400 401 403 404 500 503',
      'POST /v1/payouts/{payoutId}/cancel': '200 400 401 403 404 409 413 415 500 503',
      'POST /v1/payouts/{payoutId}/deposit': '200 400 401 403 404 409 413 415 500 503',
      'POST /v1/payouts/{payoutId}/hold': '200 400 401 403 404 409 413 415 422 500 503',
      'POST /v1/payouts/{payoutId}/resume': '200 400 401 403 404 409 413 415 422 500 503',
      'POST /v1/payouts/{payoutId}/resolve': '200 400 401 403 404 409 413 415 422 500 503',
      'POST /v1/payouts/{payoutId}/retry': '200 400 401 403 404 409 413 415 422 500 503',
      'GET /v1/payouts/{payoutId}/answers': '200 400 401 403 404 500 503',
      'GET /v1/deposits': '200 400 401 403 500 503',
      'GET /v1/deposits/notices': '200 400 401 403 500 503',
      'POST /v1/deposits/assign': '200 400 401 403 413 415 500 503',
      'POST /v1/deposits': '200 202 400 401 403 413 415 500 503',
      'GET /v1/deposits/{depositId}': '200 400 401 403 404 500 503',
      'POST /v1/deposits/{depositId}/assign': '200 400 401 403 404 409 413 415 422 500 503',
      'GET /v1/balances': '200 401 403 500 503',
      'GET /v1/ledger': '200 400 401 403 500 503',
      'POST /v1/ledger/adjustments': '201 400 401 403 413 415 422 500 503',
      'GET /v1/ledger/adjustments': '200 400 401 403 500 503',
      'GET /v1/reconciliation': '200 401 403 500 503',
      'GET /v1/provider': '200 401 403 500 503',
      'GET /v1/brakes': '200 400 401 403 500 503',
      'POST /v1/brakes': '200 400 401 403 413 415 500 503',
      'POST /v1/brakes/{brakeId}/release': '200 400 401 403 404 413 415 500 503',
    });
  });

  it('describes every answer, and errors as problem+json', async () => {
    const { paths } = await readDocument();
    for (const { responses } of Object.values(paths).flatMap((operations) => Object.values(operations))) {
      for (const [status, { description, content }] of Object.entries(responses)) {
        expect(description).toMatch(/\.$/);
        const isProblem = Number(status) >= 400;
        expect(Object.keys(content)).toEqual([isProblem ? 'application/problem+json' : 'application/json']);
        if (isProblem)
          expect(Object.values(content)[0]?.schema).toEqual({ $ref: '#/components/schemas/Problem' });
      }
    }
  });

  it('refers to schemas that exist, and holds none that nobody refers to', async () => {
    const document = await readDocument();
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)];
    const names = new Set(references.map(([, name]) => name));
    expect([...names].sort()).toEqual(Object.keys(document.components.schemas).sort());
    expect([...names]).not.toContain('PayoutInput');
  });

  it('shows how a payout is asked for: no field but the documented ones, each destination with its own', async () => {
    const { paths, components } = await readDocument();
    const body = paths['/v1/payouts']?.['post']?.requestBody?.content['application/json']?.schema;
    expect(JSON.stringify(body)).toContain('#/components/schemas/CreatePayoutInput');
    expect(components.schemas['CreatePayoutInput']).toMatchObject({
      additionalProperties: false,
      required: ['payoutId', 'amount', 'currency', 'amountMode', 'fundingCurrency', 'destination'],
      properties: {
        amount: { type: 'string' },
        destination: { oneOf: { length: 7 } },
        funding: { enum: ['deposit', 'balance'] },
      },
    });
  });

  it('shows how a deposit is assigned: to the available balance, or in parts', async () => {
    const { paths, components } = await readDocument();
    const body = paths['/v1/deposits/{depositId}/assign']?.['post']?.requestBody?.content['application/json'];
    expect(JSON.stringify(body)).toContain('#/components/schemas/AssignDepositInput');
    expect(components.schemas['AssignDepositInput']).toMatchObject({
      additionalProperties: false,
      required: ['to'],
      properties: { to: { anyOf: [{ const: 'available' }, { type: 'array', minItems: 1, maxItems: 100 }] } },
    });
  });

  it('shows what a person can decide about a payout', async () => {
    const { paths, components } = await readDocument();
    const bodyOf = (operation: string): string =>
      JSON.stringify(paths[`/v1/payouts/{payoutId}/${operation}`]?.['post']?.requestBody);
    expect(bodyOf('hold')).toContain('#/components/schemas/DecisionInput');
    expect(bodyOf('resume')).toContain('#/components/schemas/ResumptionInput');
    expect(bodyOf('resolve')).toContain('#/components/schemas/ResolutionInput');
    expect(bodyOf('retry')).toContain('#/components/schemas/RetryInput');
    expect(components.schemas['DecisionInput']).toMatchObject({
      additionalProperties: false,
      required: ['reason'],
    });
    expect(components.schemas['ResolutionInput']).toMatchObject({
      additionalProperties: false,
      required: ['action', 'reason'],
      properties: { action: { enum: ['adopt', 'disown', 'resend', 'close', 'paid'] } },
    });
    expect(components.schemas['RetryInput']).toMatchObject({
      additionalProperties: false,
      required: ['reason'],
      properties: { destination: { oneOf: { length: 7 } } },
    });
  });

  it('shows the times of a query as text', async () => {
    const { paths } = await readDocument();
    expect(paths['/v1/ledger']?.['get']).toMatchObject({
      parameters: expect.arrayContaining([
        expect.objectContaining({
          name: 'from',
          schema: expect.objectContaining({ type: 'string', format: 'date-time' }) as object,
        }),
      ]) as object,
    });
  });

  it('asks for a key everywhere but for health', async () => {
    const { paths, components } = await readDocument();
    expect(components.securitySchemes).toEqual({ apiKey: { type: 'http', scheme: 'bearer' } });
    const open = Object.entries(paths).filter(([, operations]) => operations['get']?.security?.length === 0);
    expect(open.map(([path]) => path).sort()).toEqual(['/livez', '/readyz']);
  });
});

describe('/docs', () => {
  it('is a page that needs nothing from other servers', async () => {
    const { app } = await openApi(createFakes());
    for (const url of ['/docs', '/docs/']) {
      const page = await app.inject(url);
      expect(page.statusCode).toBe(200);
      expect(page.headers['content-type']).toMatch(/^text\/html/);
      expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(page.body).not.toMatch(/https?:\/\//);
    }
    const parts = [...(await app.inject('/docs')).body.matchAll(/(?:src|href)="([^"]+)"/g)].map(
      ([, url = '']) => url,
    );
    expect(parts.length).toBeGreaterThan(4);
    for (const url of [...parts, '/docs/json']) {
      expect([url, (await app.inject(url)).statusCode]).toEqual([url, 200]);
    }
  });
});
