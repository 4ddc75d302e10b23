// A change of the documents as the history keeps it.
import type { DocumentKey } from '../model/documents/document.ts';

export interface Revision {
  readonly revision: number;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Absent for changes from outside of `apply` (an edited file). */
  readonly author?: string;
  readonly mark?: ChangeMark;
  readonly changes: readonly RevisionChange[];
}

/** A document's text before (absent: there was none) and after (absent: it went). */
export interface RevisionChange {
  readonly key: DocumentKey;
  readonly before?: string;
  readonly after?: string;
}

/** Information about a change, in addition to its documents. */
export type ChangeMark = {
  /** A rollback to this revision. */
  readonly rolledBackTo?: number;
  /** Services that were made strict despite the gate's reasons. */
  readonly forced?: readonly string[];
  /** Codes of the reasons for which it was held, and that its author confirmed. */
  readonly confirmed?: readonly string[];
  /** Why, as the author said. */
  readonly reason?: string;
  /** It waited, and this is who approved it. */
  readonly approvedBy?: string;
};
