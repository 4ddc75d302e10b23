// What the store checks before it accepts a change (store.ts, StateCheck).
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import type { MeshIr } from '../ir.ts';
import { createResolver, type Resolver } from './resolver.ts';

/** All problems of a whole state (errors refuse it, warnings are shown), and the resulting mesh. */
export function check(
  documents: readonly ParsedDocument[],
  resolver: Resolver = createResolver(),
): {
  readonly problems: readonly Problem[];
  readonly mesh?: MeshIr;
} {
  const resolution = resolver.resolve(documents);
  return resolution.kind === 'resolved'
    ? { problems: resolution.warnings, mesh: resolution.mesh }
    : { problems: resolution.problems };
}
