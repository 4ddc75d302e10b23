// Judges documents that have not been judged yet: if the same ones, at the same places, were judged before, that result is used. Pure
// except for the check.
import { differing } from '../lib/differing.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import type { StateCheck } from './judges.ts';
import type { Judged } from './store.ts';

/** `known`: earlier judgements, tried in their order. */
export function judgeOnce(
  documents: readonly ParsedDocument[],
  check: StateCheck,
  known: readonly (Judged | undefined)[] = [],
): Judged {
  const same = known.find((one) => one !== undefined && isSame(one.documents, documents));
  return same ?? { documents, ...check(documents) };
}

export function errorsAmong(problems: readonly Problem[]): readonly Problem[] {
  return problems.filter(({ severity }) => severity === 'error');
}

function isSame(a: readonly ParsedDocument[], b: readonly ParsedDocument[]): boolean {
  if (a.length !== b.length) return false;
  const { before, after } = differing(a, b);
  return before.every((document, index) => isCopy(document, after[index]));
}

function isCopy(a: ParsedDocument, b: ParsedDocument | undefined): boolean {
  if (a === b || b === undefined) return a === b;
  const [one, other] = [a.begins, b.begins];
  const there = one.file === other.file && one.line === other.line && one.column === other.column;
  return there && a.key === b.key && a.text === b.text;
}
