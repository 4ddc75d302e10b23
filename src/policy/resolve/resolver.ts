// Resolves one state of the documents after another, each time only what a change concerns: changed documents, and whatever looked up
// something that has changed; equal results are kept. Whatever the previous state was, the result is that of `resolve`.
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { createDomain, type Domain, type Resolution } from './domain.ts';
import { type DocumentsByKind, documentsByKind } from './names.ts';
import { createProblems } from './problems.ts';

export interface Resolver {
  resolve(documents: readonly ParsedDocument[]): Resolution;
}

export interface ResolverDeps {
  /** Called each time with the number of documents of which something was made. */
  readonly onDocuments?: (count: number) => void;
}

/** Keeps the last resolution. An exception makes it start from nothing the next time. */
export function createResolver({ onDocuments = () => {} }: ResolverDeps = {}): Resolver {
  let last: { readonly byKind: DocumentsByKind; readonly domain: Domain } | undefined;
  return {
    resolve(documents) {
      const problems = createProblems();
      const byKind = documentsByKind(documents, problems, last?.byKind);
      const before = last;
      // What an exception leaves half done is never used.
      last = undefined;
      const made = new Set<ParsedDocument>();
      let domain = before !== undefined && sameDomain(before.byKind, byKind) ? before.domain : undefined;
      let resolution = domain?.resolve(byKind, problems.all(), made);
      if (domain === undefined || resolution === undefined) {
        domain = createDomain(byKind);
        resolution = domain.resolve(byKind, problems.all(), made);
      }
      if (resolution === undefined) throw new Error('documents were not resolved');
      last = { byKind, domain };
      onDocuments(made.size);
      return resolution;
    },
  };
}

/** Everything depends on these, and there are few: if one of them changes, everything is resolved. */
function sameDomain(a: DocumentsByKind, b: DocumentsByKind): boolean {
  return (
    a.meshes === b.meshes &&
    a.cells === b.cells &&
    a.workloads === b.workloads &&
    a.trustBundles === b.trustBundles &&
    a.meshes.length > 0
  );
}
