// Where something generated from documents comes from: a part of one of them, and its line.
import type { DocumentKey } from './documents/document.ts';
import type { FieldPath } from './field-path.ts';
import type { ParsedDocument } from './parsed-document.ts';
import type { Source } from './problem.ts';

/**
 * A part of a document: a rule (`spec.rules[0]`), a dependency; an empty path is the whole. No line: moving lines must not change what is
 * generated.
 */
export interface Origin {
  readonly document: DocumentKey;
  readonly path: FieldPath;
}

export interface Place extends Origin {
  /** In its file, or in the document's own text if it came by API: then `file` is its key. */
  readonly source: Source;
}

/** Of one state of the documents. */
export type DocumentsByKey = ReadonlyMap<DocumentKey, ParsedDocument>;

/** Undefined for a document that is not among them (any more). */
export function placeOf({ document, path }: Origin, documents: DocumentsByKey): Place | undefined {
  const parsed = documents.get(document);
  if (parsed === undefined) return undefined;
  return { document, path, source: path.length === 0 ? parsed.source : parsed.locate(path) };
}

const byKey = new WeakMap<readonly ParsedDocument[], DocumentsByKey>();

/** The same map for the same list: most lists are never asked about. */
export function documentsByKey(documents: readonly ParsedDocument[]): DocumentsByKey {
  const there = byKey.get(documents);
  if (there !== undefined) return there;
  const made = new Map(documents.map((parsed) => [parsed.key, parsed]));
  byKey.set(documents, made);
  return made;
}
