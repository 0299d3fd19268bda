import type { FastifyInstance } from 'fastify';
import { ProblemError } from './problem.js';

/** Answers 404 for paths that do not exist and 405 for methods that a path does not know; before any route is added. */
export function answerUnknownRoutes(app: FastifyInstance): void {
  const methodsByPath = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = methodsByPath.get(url) ?? { pattern: toPattern(url), methods: new Set<string>() };
    methodsByPath.set(url, known);
    for (const name of [method].flat()) known.methods.add(name);
  });
  app.setNotFoundHandler((request) => {
    const [path = ''] = request.url.split('?');
    const allowed = [...methodsByPath.values()].find(({ pattern }) => pattern.test(path));
    if (allowed === undefined || allowed.methods.has(request.method)) {
      throw ProblemError.of('ROUTE_NOT_FOUND', 'There is nothing at this path; see /docs.');
    }
    const allow = [...allowed.methods].join(', ');
    throw ProblemError.of('METHOD_NOT_ALLOWED', `This path knows ${allow}.`, { headers: { allow } });
  });
}

/** `/v1/payouts/:payoutId` as an expression that paths can be tested with. */
function toPattern(route: string): RegExp {
  const parts = route.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+';
    return part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/')}$`);
}
