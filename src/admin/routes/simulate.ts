// Evaluates a change against the recorded traffic.
import { CellwallError } from '../../lib/errors.ts';
import { hasErrors, invalid } from '../change.ts';
import type { AdminDeps } from '../deps.ts';
import { firstRows, impactOf, sinceOf, totalsOf } from '../impact.ts';
import { createPlan } from '../plan.ts';
import { ok, type Route, route } from '../route.ts';
import { tryPlan } from '../trial.ts';
import { simulateBodySchema } from '../wire.ts';
import { simulationSchema } from '../wire-record.ts';
import { refuseNothing } from './apply.ts';

export function simulateRoutes({ store, record, clock }: AdminDeps): readonly Route[] {
  return [
    route({
      method: 'POST',
      url: '/v1/simulate',
      access: 'viewer',
      summary: 'Which recorded callers a change would newly deny or allow.',
      documents: true,
      body: simulateBodySchema,
      answer: simulationSchema,
      errors: [412, 413, 422],
      async handle({ body }) {
        await record.refresh?.();
        const since = sinceOf(body.since, clock.now());
        const plan = createPlan(body);
        if (hasErrors(plan.problems)) return invalid(plan.problems);
        refuseNothing(plan, body);
        const { before, after, problems } = tryPlan(store, plan);
        if (hasErrors(problems)) return invalid(problems);
        const impact = impactOf(before, after, record, since);
        if (impact === undefined) {
          throw new CellwallError('failed_precondition', 'there is no mesh in force to compare with', {
            hint: 'apply a Mesh first',
          });
        }
        const { simulation, meshes } = impact;
        const services = new Set(meshes.flatMap((mesh) => [...mesh.services.keys()]));
        const incomplete = [...services].flatMap((service) => {
          const known = record.coverage(service, since);
          const late = known.since !== undefined && known.since > since;
          const own = late ? { since: known.since } : {};
          const ports = known.ports.filter((port) => port.since > Math.max(since, known.since ?? 0));
          return [
            ...(late || known.gaps.length > 0 ? [{ service, ...own, gaps: [...known.gaps] }] : []),
            ...ports.map((port) => ({ service, port: port.name, since: port.since, gaps: [] })),
          ];
        });
        const notCrossChecked = [...services].flatMap((service) => [
          ...(record.coverage(service, since).notCrossChecked ?? []),
        ]);
        return ok({
          kind: 'simulation' as const,
          revision: before.revision,
          since,
          replayed: simulation.replayed,
          newlyDenied: firstRows(simulation.newlyDenied),
          newlyAllowed: firstRows(simulation.newlyAllowed),
          cannotTell: firstRows(simulation.cannotTell),
          totals: totalsOf(simulation),
          incomplete,
          notCrossChecked,
        });
      },
    }),
  ];
}
