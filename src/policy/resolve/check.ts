// What the store asks before it accepts a change (store.ts, StateCheck).
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { resolve } from './resolve.ts';

/** All problems of a whole state: errors refuse it, warnings are shown. */
export function check(documents: readonly ParsedDocument[]): readonly Problem[] {
  const resolution = resolve(documents);
  return resolution.kind === 'resolved' ? resolution.warnings : resolution.problems;
}
