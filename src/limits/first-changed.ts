// Where a reason about a whole change stands. Pure.
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Source } from '../model/problem.ts';

/** The first document that is new or changed. */
export function firstChanged(before: readonly ParsedDocument[], after: readonly ParsedDocument[]): Source {
  const known = new Map(before.map(({ key, text }) => [key, text]));
  const changed = after.find(({ key, text }) => known.get(key) !== text) ?? after[0] ?? before[0];
  return changed?.begins ?? { file: '(documents)', line: 1, column: 1 };
}
