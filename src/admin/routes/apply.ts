// Changing documents, and what a change would do.

import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { nothingStored } from '../../store/store.ts';
import { createChange, hasErrors, invalid } from '../change.ts';
import type { AdminDeps } from '../deps.ts';
import { recentImpact } from '../impact.ts';
import { createPlan, differences, type Plan, pruned } from '../plan.ts';
import { ok, type Route, route } from '../route.ts';
import { tryPlan } from '../trial.ts';
import { warnOfChange } from '../warn-of-change.ts';
import { type ApplyBody, applyAnswerSchema, applyBodySchema, diffAnswerSchema, diffBodySchema } from '../wire.ts';

export function applyRoutes(deps: AdminDeps): readonly Route[] {
  const { store } = deps;
  const change = createChange(deps);
  return [
    route({
      method: 'POST',
      url: '/v1/apply',
      access: 'editor',
      summary: 'Change documents: all of them, or none. A change that makes services strict must pass the gate (412).',
      documents: true,
      body: applyBodySchema,
      answer: applyAnswerSchema,
      errors: [409, 412, 413, 422, 503],
      handle({ body, caller, receivedAt, traceparent }) {
        const by = { caller, receivedAt, traceparent };
        const plan = createPlan(body);
        if (hasErrors(plan.problems)) return change(plan, { ...body, ...by });
        refuseNothing(plan, body);
        if (!body.prune) return change(plan, { ...body, ...by });
        const { revision, documents } = store.state() ?? nothingStored;
        // What others add meanwhile was not looked at.
        const expectedRevision = body.expectedRevision ?? revision;
        return change(pruned(plan, documents), { ...body, expectedRevision, ...by });
      },
    }),
    route({
      method: 'POST',
      url: '/v1/diff',
      access: 'viewer',
      summary: 'What applying these documents would change.',
      documents: true,
      body: diffBodySchema,
      answer: diffAnswerSchema,
      errors: [413, 422],
      handle({ body }) {
        const plan = createPlan(body);
        if (hasErrors(plan.problems)) return invalid(plan.problems);
        refuseNothing(plan, body);
        const wanted = body.prune ? pruned(plan, (store.state() ?? nothingStored).documents) : plan;
        const { before, after, ...tried } = tryPlan(store, wanted);
        const problems = [...tried.problems, ...warnOfChange(before.documents, wanted)];
        const impact = recentImpact(before, after, deps);
        return ok({
          kind: 'diff' as const,
          revision: before.revision,
          differences: [...differences(before.documents, wanted)],
          problems,
          ...defined({ impact }),
        });
      },
    }),
  ];
}

/** Throws `invalid_argument` for a request without documents or changes. */
export function refuseNothing(plan: Plan, { files = [] }: ApplyBody): void {
  if (plan.changes.length > 0) return;
  if (files.length > 0) {
    throw new CellwallError('invalid_argument', `no documents in ${files.map(({ file }) => file).join(', ')}`, {
      hint: 'the files are empty, or have only comments: to remove a document, `cellwall delete` it',
    });
  }
  throw new CellwallError('invalid_argument', 'no documents and no changes in the request', {
    hint: 'send `files`, `text` or `changes`',
  });
}
