// A document with where it was written, so that any room can point at the line.
import type { Document, DocumentKey } from './documents/document.ts';
import type { Source } from './problem.ts';

export interface ParsedDocument<D extends Document = Document> {
  readonly key: DocumentKey;
  readonly document: D;
  /** The document's own YAML, comments included, without `---`. */
  readonly text: string;
  /** Where `text` begins; the document itself may come after comments. */
  readonly begins: Source;
  /** Where the document begins. */
  readonly source: Source;
  /** Where a field stands (`['spec', 'rules', 0, 'from']`); the nearest parent's place if it is not written. */
  locate(path: readonly (string | number)[]): Source;
}
