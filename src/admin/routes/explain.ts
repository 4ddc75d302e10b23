// Why this caller may, or may not, do this.
import { CellwallError } from '../../lib/errors.ts';
import type { AdminDeps } from '../deps.ts';
import { ok, type Route, route } from '../route.ts';
import { explainParametersSchema, explainQuerySchema, explanationSchema } from '../wire-explain.ts';

export function explainRoutes({ explain, explainRequest }: AdminDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/explain',
      access: 'viewer',
      summary: 'The decision for one caller, target and operation, and the rule and line that decide it.',
      query: explainParametersSchema,
      answer: explanationSchema,
      errors: [404, 503],
      async handle({ query: { request, ...question } }) {
        if (request !== undefined) return ok(await explainRequest(request));
        const asked = explainQuerySchema.safeParse(question);
        if (asked.success) return ok(await explain(asked.data));
        throw new CellwallError('invalid_argument', 'explain needs a caller and a target, or a request', {
          hint: 'as in ?caller=web&target=api, or ?request=<x-request-id>',
        });
      },
    }),
  ];
}
