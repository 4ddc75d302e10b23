// What a store says of the states that it could start with again.
import type { DocumentKey } from '../../model/documents/document.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';

/** States that were in force for a while without a complaint, and what became of a state under which the process died. */
export interface LastGood {
  /** The newest first. `provenAt`: epoch milliseconds. */
  kept(): readonly { readonly revision: number; readonly provenAt: number }[];
  /** What is in force has been so for a while without a complaint: it is kept. */
  prove(): void;
  /** Why something else is in force than what was last; undefined if it is not so, or no longer. */
  fallback(): Fallback | undefined;
  /** Under which documents the process died, if a change to `found` would put them in force, or remove them for good. */
  refused(
    inForce: readonly Pick<ParsedDocument, 'key' | 'text'>[],
    found: readonly Pick<ParsedDocument, 'key' | 'text'>[],
  ): readonly DocumentKey[];
}

export interface Fallback {
  /** The process died again and again; or what was in force is damaged on disk. */
  readonly kind: 'crash-loop' | 'damaged';
  /** Of the last good state that it started with, if one is kept. */
  readonly revision?: number;
}
