// A document may exist only once in a store: two with the same key contradict each other, or will.
import type { DocumentKey } from './documents/document.ts';
import type { ParsedDocument } from './parsed-document.ts';
import type { Problem } from './problem.ts';

/** A problem for every document whose key an earlier one has. */
export function duplicateDocuments(documents: readonly ParsedDocument[]): Problem[] {
  const first = new Map<DocumentKey, ParsedDocument>();
  const problems: Problem[] = [];
  for (const document of documents) {
    const earlier = first.get(document.key);
    if (earlier === undefined) {
      first.set(document.key, document);
      continue;
    }
    const { file, line } = earlier.source;
    problems.push({
      severity: 'error',
      code: 'duplicate-document',
      message: `${document.key} is written twice`,
      hint: `the other one is at ${file}:${line}; keep one, or give one another name`,
      source: document.source,
    });
  }
  return problems;
}
