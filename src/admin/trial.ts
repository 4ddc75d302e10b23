// A trial of an operator's plan: what its documents would result in, with problems at the operator's own file and line.
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import { relocate } from '../model/relocate.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Planned, Store } from '../store/store.ts';
import type { Plan } from './plan.ts';
import { warnOfChange } from './warn-of-change.ts';

export interface Trial {
  readonly before: Planned['base'];
  /** The resulting state. Without a mesh if it would be refused. */
  readonly after: { readonly documents: readonly ParsedDocument[]; readonly mesh?: MeshIr };
  /** For all documents, beginning with those that concern the plan by itself. */
  readonly problems: readonly Problem[];
}

export function tryPlan(store: Pick<Store, 'plan'>, plan: Plan): Trial {
  const planned = store.plan(plan.changes);
  const { base: before, kind } = planned;
  const after = kind === 'next' ? planned.after : kind === 'unchanged' ? before : { documents: [] };
  return { before, after, problems: [...plan.problems, ...asSent(planned.problems, plan)] };
}

/** Problems of the store's copy (with its key as the file), at the place in the file that the operator sent. */
export function asSent(problems: readonly Problem[], plan: Plan): readonly Problem[] {
  const copies = plan.documents.map(({ key }) => ({ key, begins: { file: key, line: 1, column: 1 } }));
  return relocate(problems, copies, plan.documents);
}

/** Warnings about a whole state: about what was sent, what that caused elsewhere, and about the step itself. */
export function warningsOf(problems: readonly Problem[], before: Trial['before'], plan: Plan): readonly Problem[] {
  const name = ({ code, message, source }: Problem) => `${code} ${message} ${source.file}`;
  const known = new Set(before.problems.map(name));
  const files = new Set(plan.documents.map(({ source }) => source.file));
  const fresh = asSent(problems, plan).filter(
    (problem) => problem.severity === 'warning' && (files.has(problem.source.file) || !known.has(name(problem))),
  );
  return [...plan.problems, ...fresh, ...warnOfChange(before.documents, plan)];
}
