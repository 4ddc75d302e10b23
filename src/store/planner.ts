// What changes would result in. If somebody looks at the plan of some changes and then applies the same changes, it is computed only once.
import { relocate } from '../model/relocate.ts';
import { errorsAmong, judgeOnce } from './judge-once.ts';
import type { StateCheck } from './judges.ts';
import { type Edit, planChanges } from './plan-changes.ts';
import type { Change, Planned, StoreState } from './store.ts';

/** Plans are kept by the identity of `changes`, for as long as that array is in use. */
export interface Planner<P> {
  plan(base: StoreState, changes: readonly Change[]): P;
  /** What it was based on has changed. */
  forget(changes: readonly Change[]): void;
}

export function createPlanner<P>(make: (base: StoreState, changes: readonly Change[]) => P): Planner<P> {
  const made = new WeakMap<readonly Change[], { readonly base: StoreState; readonly plan: P }>();
  return {
    plan(base, changes) {
      const there = made.get(changes);
      if (there?.base === base) return there.plan;
      const plan = make(base, changes);
      made.set(changes, { base, plan });
      return plan;
    },
    forget: (changes) => void made.delete(changes),
  };
}

export type DocumentPlan =
  | (Extract<Planned, { readonly kind: 'next' }> & { readonly edits: readonly Edit[] })
  | Exclude<Planned, { readonly kind: 'next' }>;

/** For a store that keeps each document separately, under its key. */
export function planDocuments(base: StoreState, changes: readonly Change[], check: StateCheck): DocumentPlan {
  const plan = planChanges(base.documents, changes);
  if (plan.kind === 'invalid') return { base, ...plan };
  if (plan.kind === 'unchanged') {
    return { kind: 'unchanged', base, problems: relocate(base.problems, base.documents, plan.sent) };
  }
  const after = judgeOnce(plan.documents, check, [base]);
  const { problems } = after;
  if (errorsAmong(problems).length > 0) return { kind: 'invalid', base, problems };
  const { edits } = plan;
  return { kind: 'next', base, after, problems, edits, changed: edits.map(({ key }) => key) };
}
