// Puts calls to a change before it is made.
import { CellwallError } from '../../lib/errors.ts';
import type { MeshIr } from '../../policy/ir.ts';
import { answerExplain } from '../answer-explain.ts';
import { hasErrors, invalid } from '../change.ts';
import type { AdminDeps } from '../deps.ts';
import { inForceOrNothing } from '../in-force.ts';
import { createPlan } from '../plan.ts';
import { ok, type Route, route } from '../route.ts';
import { tryPlan } from '../trial.ts';
import type { ExplainQuery } from '../wire.ts';
import { type TriedOutcome, triedSchema, tryBodySchema } from '../wire-try.ts';
import { refuseNothing } from './apply.ts';

export function tryRoutes({ store }: Pick<AdminDeps, 'store'>): readonly Route[] {
  return [
    route({
      method: 'POST',
      url: '/v1/try',
      access: 'viewer',
      summary: 'How calls are decided now, and would be with a change; without one, only now.',
      documents: true,
      body: tryBodySchema,
      answer: triedSchema,
      errors: [413, 422],
      handle({ body: { calls, ...body } }) {
        const { mesh, revision } = inForceOrNothing(store);
        const tell = (after: MeshIr | undefined) =>
          ok({ revision, calls: calls.map((call) => ({ before: decide(mesh, call), after: decide(after, call) })) });
        if (body.changes === undefined && body.files === undefined && body.text === undefined) return tell(mesh);
        const plan = createPlan(body);
        if (hasErrors(plan.problems)) return invalid(plan.problems);
        refuseNothing(plan, body);
        const { after, problems } = tryPlan(store, plan);
        return hasErrors(problems) ? invalid(problems) : tell(after.mesh);
      },
    }),
  ];
}

function decide(mesh: MeshIr | undefined, call: ExplainQuery): TriedOutcome {
  if (mesh === undefined) return { decision: 'unknown', reason: 'no documents are in force' };
  try {
    const { decision, reason, document, source, undecidable } = answerExplain(mesh, call);
    const unknown = undecidable !== undefined || (decision !== 'allowed' && decision !== 'denied');
    return {
      ...{
        decision: unknown ? 'unknown' : decision,
        reason: unknown ? `raw patches affect it; without them: ${reason}` : reason,
      },
      ...{ document, source },
    };
  } catch (error) {
    // A service that the change deletes, or has not made yet.
    return { decision: 'unknown', reason: CellwallError.from(error).message };
  }
}
