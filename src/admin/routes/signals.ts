// How the calls of each edge of the mesh went.
import { CellwallError } from '../../lib/errors.ts';
import { createPause, inSteps } from '../../lib/pauses.ts';
import { answerSignals, reportersOf } from '../answer-signals.ts';
import type { AdminDeps } from '../deps.ts';
import { sinceOf } from '../impact.ts';
import { inForceOrNothing } from '../in-force.ts';
import { ok, type Route, route } from '../route.ts';
import { signalsQuerySchema, signalsSchema } from '../wire-signals.ts';

export function signalRoutes({ store, record, signals, handshakes = () => [], clock }: AdminDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/signals',
      access: 'viewer',
      summary: 'How calls went, by edge (who calls which port): calls, failures, latencies, bytes, versions of TLS.',
      query: signalsQuerySchema,
      answer: signalsSchema,
      errors: [404],
      async handle({ query: { service, caller, since, series } }) {
        const now = clock.now();
        const { mesh } = inForceOrNothing(store);
        const wanted = { ...(service === undefined ? {} : { service }), ...(caller === undefined ? {} : { caller }) };
        const reporters = reportersOf(wanted, mesh);
        const found = await signals.read({
          since: sinceOf(since, now),
          ...(reporters === undefined ? {} : { services: reporters }),
          series: series === 'true',
        });
        const known = { found, mesh, handshakes: handshakes(), coverage: record.coverage };
        const steps = answerSignals({ ...wanted, series: series === 'true', now }, known);
        const answer = await inSteps(steps, createPause(clock));
        const isThere = [...(mesh?.services.keys() ?? [])].some((key) => key === service);
        if (service !== undefined && !isThere && answer.edges.length === 0) {
          throw new CellwallError('not_found', `no service ${service}`, { hint: '"cellwall get Service" lists them' });
        }
        return ok(answer);
      },
    }),
  ];
}
