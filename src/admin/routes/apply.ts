// Changing documents. The store's check decides; nothing here stands between an urgent change and its being in force.
import { setImmediate } from 'node:timers/promises';
import { CellwallError } from '../../lib/errors.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import type { AdminDeps } from '../deps.ts';
import { invalidDocuments } from '../http-error.ts';
import { createPlan, differences, type Plan, stateAfter } from '../plan.ts';
import { type Answer, ok, type Route, route } from '../route.ts';
import { applyAnswerSchema, applyBodySchema, diffAnswerSchema, diffBodySchema } from '../wire.ts';

export function applyRoutes({ store, check, log }: AdminDeps): readonly Route[] {
  const state = (): { readonly revision: number; readonly documents: readonly ParsedDocument[] } => {
    try {
      return store.state();
    } catch (reason) {
      // Nothing was loaded yet, as on an empty store: the first apply is what ends that.
      if (CellwallError.from(reason).code === 'unavailable') return { revision: 0, documents: [] };
      throw reason;
    }
  };
  return [
    route({
      method: 'POST',
      url: '/v1/apply',
      summary: 'Change documents: all of them, or none.',
      body: applyBodySchema,
      answer: applyAnswerSchema,
      errors: [409, 412, 413, 422, 503],
      async handle({ body, receivedAt }) {
        const before = state();
        const plan = createPlan(body);
        if (hasErrors(plan.problems)) return invalid(plan.problems);
        refuseNothing(plan);
        if (body.dryRun) {
          const problems = [...plan.problems, ...check(stateAfter(before.documents, plan))];
          if (hasErrors(problems)) return invalid(problems);
          const changed = differences(before.documents, plan).map((item) => item.key);
          const times = { receivedAt, acceptedAt: receivedAt };
          return ok({ kind: 'dry-run', revision: before.revision, changed, warnings: problems, ...times });
        }
        const result = await store.apply(plan.changes, {
          author: 'operator',
          urgent: body.urgent,
          ...(body.expectedRevision === undefined ? {} : { expectedRevision: body.expectedRevision }),
        });
        const acceptedAt = performance.timeOrigin + performance.now();
        if (result.kind === 'invalid') {
          // The store knows its own files; the same check over what the operator sent points at the operator's lines.
          const problems = [...plan.problems, ...check(stateAfter(before.documents, plan))];
          return invalid(hasErrors(problems) ? problems : result.problems);
        }
        const changed = result.kind === 'applied' ? result.changed : [];
        log.info({ revision: result.revision, changed, urgent: body.urgent }, `documents ${result.kind}`);
        // The proxies' turn first: warnings can wait for the push to be on its way.
        await setImmediate();
        const warnings = [...plan.problems, ...newWarnings(before.documents, plan)];
        return ok({
          kind: result.kind,
          revision: result.revision,
          changed: [...changed],
          warnings,
          receivedAt,
          acceptedAt,
        });
      },
    }),
    route({
      method: 'POST',
      url: '/v1/diff',
      summary: 'What an apply would change.',
      body: diffBodySchema,
      answer: diffAnswerSchema,
      errors: [413, 422],
      handle({ body }) {
        const { revision, documents } = state();
        const plan = createPlan(body);
        if (hasErrors(plan.problems)) return invalid(plan.problems);
        refuseNothing(plan);
        const problems = [...plan.problems, ...check(stateAfter(documents, plan))];
        return ok({ kind: 'diff' as const, revision, differences: [...differences(documents, plan)], problems });
      },
    }),
  ];

  /** Warnings about what was sent, and those that it caused elsewhere. */
  function newWarnings(before: readonly ParsedDocument[], plan: Plan): readonly Problem[] {
    const name = (problem: Problem) => `${problem.code} ${problem.message} ${problem.source.file}`;
    const known = new Set(check(before).map(name));
    const files = new Set(plan.documents().map((item) => item.source.file));
    return check(stateAfter(before, plan)).filter(
      (problem) => problem.severity === 'warning' && (files.has(problem.source.file) || !known.has(name(problem))),
    );
  }
}

function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

function invalid(problems: readonly Problem[]): Answer<never> {
  return { kind: 'error', ...invalidDocuments(problems) };
}

function refuseNothing(plan: Plan): void {
  if (plan.changes.length > 0) return;
  throw new CellwallError('invalid_argument', 'no documents and no changes in the request', {
    hint: 'send `files`, `text` or `changes`',
  });
}
