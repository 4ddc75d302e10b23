// Why may (or may not) this caller do this.
import type { AdminDeps } from '../deps.ts';
import { ok, type Route, route } from '../route.ts';
import { explainQuerySchema, explanationSchema } from '../wire.ts';

export function explainRoutes({ explain }: AdminDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/explain',
      summary: 'The decision for one caller, target and operation, and the rule and line that make it.',
      query: explainQuerySchema,
      answer: explanationSchema,
      errors: [404, 503],
      handle: ({ query }) => ok(explain(query)),
    }),
  ];
}
