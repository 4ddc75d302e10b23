// A document and where it was written, so that any room can point at the line.
import type { Document } from './documents/document.ts';
import type { Written } from './documents/kind.ts';
import type { Source } from './problem.ts';

export interface ParsedDocument<D extends Document = Document> extends Written<D> {
  /** The document's own YAML, comments included, without `---`. */
  readonly text: string;
  /** Where `text` begins; the document itself may come after comments. */
  readonly begins: Source;
}
